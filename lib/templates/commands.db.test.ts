import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Actor, anonymous, type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { permissionsOf } from '#lib/auth/permissions.ts'
import { dbTest as baseTest } from '#lib/dev/test/db-test.ts'
import { syncTemplates } from './commands.ts'
import { getTemplate, listTemplates } from './queries.ts'

const dbTest = baseTest.extend('folder', { scope: 'file' }, async ({}, { onCleanup }): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-templates-'))
  onCleanup(() => rm(folder, { recursive: true, force: true }))
  await cp(join(import.meta.dirname, '../../templates'), folder, { recursive: true })
  return folder
})
const system = (db: Ctx['db']): Ctx => ({ db, actor: systemActor('test'), now: new Date('2026-11-22T10:00:00Z') })
const person = (...roles: string[]): Actor => ({
  kind: 'person',
  id: '00000000-0000-7000-8000-000000000001',
  name: 'Test',
  email: 'test@example.invalid',
  roles,
  teamIds: [],
  permissions: permissionsOf(roles),
})

dbTest('two publishers at once publish each version once, with one audit event each', async ({ db, folder }) => {
  const outcomes = await Promise.all([syncTemplates(system(db), { folder }), syncTemplates(system(db), { folder })])
  expect(outcomes.flatMap(({ published }) => published)).toHaveLength(3)
  expect(outcomes.flatMap(({ unchanged }) => unchanged)).toHaveLength(3)
  const events = await db.auditEvent.findMany({ where: { event: 'template.published' } })
  expect(events.map((event) => event.subjectId).toSorted()).toEqual([
    'invoice-reconciler',
    'release-note-writer',
    'ticket-triager',
  ])
  expect(events[0]).toMatchObject({ actorKind: 'system', detail: { version: '1.0.0', digest: expect.any(String) } })
})

dbTest(
  'a published version that was edited is refused; a new number is published beside it',
  async ({ db, folder }) => {
    const prompt = join(folder, 'ticket-triager/prompt.md')
    await writeFile(prompt, `${await readFile(prompt, 'utf8')}\nBe brief.\n`)
    const edited = await syncTemplates(system(db), { folder })
    expect(edited).toMatchObject({
      published: [],
      refused: [{ id: 'ticket-triager', version: '1.0.0', rule: 'templates:published_is_final' }],
    })
    expect((await getTemplate(system(db), { id: 'ticket-triager' })).prompt).not.toContain('Be brief.')

    await replaceIn(join(folder, 'ticket-triager/template.yaml'), 'version: 1.0.0', 'version: 1.10.0')
    await expect(syncTemplates(system(db), { folder })).rejects.toThrow('CHANGELOG.md: there is no section "## 1.10.0"')
    await replaceIn(join(folder, 'ticket-triager/CHANGELOG.md'), '## 1.0.0', '## 1.10.0\nBriefer.\n\n## 1.0.0')
    expect((await syncTemplates(system(db), { folder })).published).toEqual([
      { id: 'ticket-triager', version: '1.10.0' },
    ])
    const newest = await getTemplate(system(db), { id: 'ticket-triager' })
    expect(newest.versions.map(({ version }) => version)).toEqual(['1.10.0', '1.0.0'])
    expect(newest.prompt).toContain('Be brief.')
    expect((await getTemplate(system(db), { id: 'ticket-triager', version: '1.0.0' })).prompt).not.toContain(
      'Be brief.',
    )
  },
)

dbTest('publishing needs its permission, reading needs to be signed in', async ({ db, folder }) => {
  const as = (actor: Actor): Ctx => ({ ...system(db), actor })
  await expect(syncTemplates(as(person('builder')), { folder })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(syncTemplates(as(anonymous), { folder })).rejects.toMatchObject({ code: 'unauthenticated' })
  await expect(listTemplates(as(anonymous))).rejects.toMatchObject({ code: 'unauthenticated' })
  await expect(getTemplate(as(person()), { id: 'ticket-triager' })).rejects.toMatchObject({ code: 'forbidden' })
  expect((await syncTemplates(as(person('platform_admin')), { folder })).unchanged).toHaveLength(3)
})

dbTest('the list shows the newest version, and an unknown template or version is not found', async ({ db }) => {
  const ctx = { ...system(db), actor: person('builder') }
  const rows = await listTemplates(ctx)
  expect(rows.map(({ id, version, agents }) => [id, version, agents])).toEqual([
    ['invoice-reconciler', '1.0.0', 0],
    ['release-note-writer', '1.0.0', 0],
    ['ticket-triager', '1.10.0', 0],
  ])
  await expect(getTemplate(ctx, { id: 'nothing' })).rejects.toMatchObject({ code: 'not_found' })
  const missing = getTemplate(ctx, { id: 'ticket-triager', version: '2.0.0' })
  await expect(missing).rejects.toMatchObject({ code: 'not_found', details: { field: 'templateVersion' } })
})

async function replaceIn(file: string, from: string, to: string): Promise<void> {
  await writeFile(file, (await readFile(file, 'utf8')).replace(from, to))
}
