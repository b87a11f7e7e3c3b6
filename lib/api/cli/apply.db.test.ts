import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { permissions as allPermissions } from '#lib/auth/permissions.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeWorkshop } from '#lib/dev/test/lifecycle.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'
import { startCli } from '#lib/dev/test/run-cli.ts'

const test = dbTest
  .extend('server', { scope: 'file' }, async ({ database }, { onCleanup }) => {
    const server = await (await openApiPortal(database)).listen()
    onCleanup(() => server.close())
    return server
  })
  .extend('shop', { scope: 'file' }, async ({ db }) => {
    const shop = await makeWorkshop(db)
    const person = await makePerson(db, { roles: ['platform_admin'], teamIds: [shop.teamId] })
    return { ...shop, token: await makeToken(db, { personId: person.id, permissions: allPermissions }) }
  })
  .extend('home', async ({}, { onCleanup }) => {
    const home = await mkdtemp(join(tmpdir(), 'wheelhouse-apply-'))
    onCleanup(() => rm(home, { recursive: true, force: true }))
    return home
  })
  .extend('wheelhouse', ({ server, home, shop }) => {
    const env = { WHEELHOUSE_URL: server.url, WHEELHOUSE_TOKEN: shop.token }
    return (...args: string[]) => startCli(args, { home, env }).ended
  })

type Shop = { teamId: string; template: { id: string }; lead: { email: string } }

const manifest = ({ teamId, template, lead }: Shop, id: string, more = '') =>
  `id: ${id}\nowner: ${teamId}\naccountable: ${lead.email}\npurpose: from a file\ntemplate: ${template.id}@1.0.0\n${more}`

/** A folder with a folder in it, three agents in two files, and what is not for us. */
async function folderOf(home: string, shop: Shop, ids: readonly [string, string, string]): Promise<string> {
  const folder = join(home, 'agents')
  await mkdir(join(folder, 'payables'), { recursive: true })
  await mkdir(join(folder, '.git'))
  await writeFile(join(folder, '.git', 'hidden.yaml'), 'id: hidden')
  await writeFile(join(folder, 'README.md'), 'not yaml')
  await writeFile(join(folder, 'a.yml'), `# the first\n${manifest(shop, ids[0])}`)
  await writeFile(join(folder, 'payables', 'b.yaml'), `---\n${manifest(shop, ids[1])}---\n${manifest(shop, ids[2])}`)
  await symlink('/etc/hostname', join(folder, 'link.yaml'))
  return folder
}

test('a folder is planned, applied as a whole after it was agreed to, and is the same afterwards', async ({
  db,
  wheelhouse,
  home,
  shop,
}) => {
  const folder = await folderOf(home, shop, ['dir-a', 'dir-b', 'dir-c'])
  const plan = await wheelhouse('apply', '-f', folder, '--dry-run')
  expect([plan.code, plan.err]).toEqual([0, ''])
  expect(plan.out).toMatch(/^\+ dir-a .*agents\/a\.yml:2$/m)
  expect(plan.out).toMatch(/^\+ dir-c .*agents\/payables\/b\.yaml:8$/m)
  expect(plan.out).toContain('3 agents: 3 created, 0 changed, 0 retired (would be).')
  expect((await wheelhouse('diff', '-f', folder)).code).toBe(4)

  const nobody = await wheelhouse('apply', '-f', folder)
  expect(nobody).toMatchObject({ code: 2, err: expect.stringContaining('--yes') as string })
  expect(await db.agent.count({ where: { id: { startsWith: 'dir-' } } })).toBe(0)

  const applied = await wheelhouse('apply', '-f', folder, '--yes')
  expect(applied).toMatchObject({ code: 0, out: expect.stringContaining('3 created') as string })
  expect(await db.agent.count({ where: { id: { startsWith: 'dir-' } } })).toBe(3)
  expect(await wheelhouse('diff', '-f', folder)).toMatchObject({ code: 0 })
  expect(await wheelhouse('apply', '-f', folder)).toMatchObject({ code: 0 })
})

test('a problem in one file is told at its line there, and nothing of any file is applied', async ({
  db,
  wheelhouse,
  home,
  shop,
}) => {
  const folder = await folderOf(home, shop, ['bad-a', 'bad-b', 'bad-c'])
  await writeFile(
    join(folder, 'payables', 'b.yaml'),
    `---\n${manifest(shop, 'bad-b')}---\n${manifest(shop, 'bad-c', 'tier: enormous\n')}`,
  )
  await writeFile(join(folder, 'z.yaml'), manifest(shop, 'bad-a'))
  const refused = await wheelhouse('apply', '-f', folder, '--yes')
  expect([refused.code, refused.out]).toEqual([1, ''])
  expect(refused.err).toMatch(/agents\/payables\/b\.yaml:13:\d+: tier/)
  expect(refused.err).toMatch(/agents\/z\.yaml:1:\d+: bad-a is in this file twice; first in .*agents\/a\.yml:2\./)
  expect(refused.err).toContain('Nothing of 3 files was applied.')
  expect(await db.agent.count({ where: { id: { startsWith: 'bad-' } } })).toBe(0)
  expect(await wheelhouse('apply', '-f', join(home, 'nowhere'))).toMatchObject({
    code: 1,
    err: expect.stringContaining('ENOENT') as string,
  })
  await mkdir(join(home, 'empty'))
  expect(await wheelhouse('apply', '-f', join(home, 'empty'))).toMatchObject({
    code: 1,
    err: expect.stringContaining('no .yaml') as string,
  })
})

test('what the set has created and does not hold any more is shown, and retired only when asked', async ({
  db,
  wheelhouse,
  home,
  shop,
}) => {
  const folder = await folderOf(home, shop, ['set-a', 'set-b', 'set-c'])
  const set = ['-f', folder, '--set', 'finance-agents']
  expect((await wheelhouse('apply', ...set, '--yes')).code).toBe(0)
  await writeFile(join(folder, 'payables', 'b.yaml'), manifest(shop, 'set-b', 'prompt: |\n  One.\n  Two.\n'))
  const without = await wheelhouse('apply', ...set, '--yes')
  expect(without.out).toMatch(/^\? set-c\n {4}its set does not hold it any more; --prune retires it$/m)
  expect(without.out).toContain('1 left over')
  expect((await db.agent.findUniqueOrThrow({ where: { id: 'set-c' } })).status).not.toBe('retired')
  expect(await wheelhouse('apply', '-f', folder, '--prune')).toMatchObject({
    code: 2,
    err: expect.stringContaining('--set') as string,
  })

  await writeFile(join(folder, 'payables', 'b.yaml'), manifest(shop, 'set-b', 'prompt: |\n  One.\n  2.\n'))
  const drift = await wheelhouse('diff', ...set, '--prune')
  expect(drift.code).toBe(4)
  expect(drift.out).toMatch(/^- set-c/m)
  expect(drift.out).toMatch(/prompt:\n.* {2}One\.\n.*- Two\.\n.*\+ 2\./)
  const pruned = await wheelhouse('apply', ...set, '--prune', '--yes')
  expect(pruned).toMatchObject({ code: 0, out: expect.stringContaining('0 created, 1 changed, 1 retired') as string })
  const gone = await db.agent.findUniqueOrThrow({ where: { id: 'set-c' } })
  expect(gone).toMatchObject({
    status: 'retired',
    statusReason: 'The manifests of finance-agents do not hold it any more.',
  })
  expect(await wheelhouse('diff', ...set, '--prune')).toMatchObject({ code: 0 })
})
