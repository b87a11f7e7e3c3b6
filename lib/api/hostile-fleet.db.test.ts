import { parse } from 'csv-parse/sync'
import { expect } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { permissions, roles } from '#lib/auth/permissions.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'
import { hostileLines } from '#lib/dev/test/hostile-texts.ts'
import { makeWorkshop } from '#lib/dev/test/lifecycle.ts'
import { textOfCell } from '#lib/web/csv.ts'

type Row = { id: string; name: string; purpose: string }

/** An agent for each of the texts, which it has as its name, its purpose and its prompt; its team and its person are called so, too. */
const test = dbTest
  .extend('portal', { scope: 'file' }, ({ database }) =>
    openApiPortal(database, { WHEELHOUSE_API_WRITES_PER_MINUTE: '0', WHEELHOUSE_API_READS_PER_MINUTE: '0' }),
  )
  .extend('ask', { scope: 'file' }, async ({ db, portal }) => {
    const person = await makePerson(db, { roles, name: `O'Brien <script>alert(1)</script> =1+1` })
    const token = await makeToken(db, { personId: person.id, permissions })
    return (path: string, body?: object | string, method = body === undefined ? 'GET' : 'POST') =>
      portal.fetch(`/api/v1${path}`, { token, method, ...(typeof body === 'string' ? { text: body } : { body }) })
  })
  .extend('fleet', { scope: 'file' }, async ({ db, ask }) => {
    const shop = await makeWorkshop(db)
    await db.team.update({ where: { id: shop.teamId }, data: { name: `=cmd|' /C calc'!A0 <img src=x>` } })
    const made = new Map<string, { kind: string; text: string }>()
    for (const [at, [kind, text]] of hostileLines.entries()) {
      const id = `hostile-${at}`
      const draft = shop.draft(id, { name: text, purpose: text, layer: { prompt: `${text}\n${text}`, parameters: {} } })
      const response = await ask('/agents', draft)
      expect({ kind, status: response.status, said: await response.text() }).toMatchObject({ status: 201 })
      made.set(id, { kind, text })
    }
    return made
  })

test('what was sent is what is told: one by one and in lists', async ({ ask, fleet }) => {
  for (const [id, { kind, text }] of fleet) {
    const agent = (await (await ask(`/agents/${id}`)).json()) as Row
    expect({ kind, ...agent }).toMatchObject({ kind, name: text, purpose: text })
    const version = (await (await ask(`/agents/${id}/versions/1`)).json()) as { layer: { prompt: string } }
    expect({ kind, prompt: version.layer.prompt }).toEqual({ kind, prompt: `${text}\n${text}` })
  }
  const list = (await (await ask('/agents?limit=100')).json()) as { items: Row[] }
  expect(Object.fromEntries(list.items.map(({ id, name }) => [id, name]))).toEqual(textsOf(fleet))
})

test('the table of the catalog begins no formula, and reads back as what was written', async ({ ask, fleet }) => {
  const csv = await (await ask('/agents/csv')).text()
  const rows: Record<string, string>[] = parse(csv, { columns: true })
  expect(rows.flatMap((row) => Object.values(row)).filter((cell) => /^[=+\-@\t\r＝＋－＠]/.test(cell))).toEqual([])
  expect(Object.fromEntries(rows.map((row) => [row['id'], textOfCell(row['name'] ?? '')]))).toEqual(textsOf(fleet))
})

test('what is exported says the same, and applying it changes nothing', async ({ db, ask, fleet }) => {
  const yaml = await (await ask('/agents/export')).text()
  const documents = parseAllDocuments(yaml).map((document) => document.toJS() as Row & { prompt: string })
  expect(documents.map(({ id, name, purpose, prompt }) => ({ id, name, purpose, prompt }))).toEqual(
    documents.map(({ id }) => {
      const { text } = fleet.get(id)!
      return { id, name: text, purpose: text, prompt: `${text}\n${text}` }
    }),
  )
  expect(documents).toHaveLength(fleet.size)
  const before = await db.auditEvent.count()
  for (const path of ['/agents/apply?dryRun=true', '/agents/apply']) {
    const applied = await ask(path, yaml)
    const plan = (await applied.json()) as { changes: { action: string }[]; problems: object[] }
    expect([applied.status, plan.problems, plan.changes.filter(({ action }) => action !== 'none')]).toEqual([
      200,
      [],
      [],
    ])
    expect(plan.changes).toHaveLength(fleet.size)
  }
  expect(await db.auditEvent.count()).toBe(before)
  expect(await (await ask('/agents/export')).text()).toBe(yaml)
})

function textsOf(fleet: ReadonlyMap<string, { text: string }>): Record<string, string> {
  return Object.fromEntries([...fleet].map(([id, { text }]) => [id, text]))
}
