import fc from 'fast-check'
import { expect } from 'vitest'
import { permissions, roles } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { allRoutes, makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'
import { anyHostile, type Hostile, type Place, placesOf, withValue } from '#lib/dev/test/hostile-values.ts'
import { permissionWorld, type PermissionWorld } from '#lib/dev/test/permission-world.ts'
import { isStored, tableDigests, transactionCount } from '#lib/dev/test/table-digests.ts'
import type { Endpoint } from './endpoint.ts'
import { exampleId } from './routes/params.ts'

/** Requests for each endpoint; more of them with HOSTILE_RUNS. */
const numRuns = Number(process.env['HOSTILE_RUNS'] ?? 6)
/** The same ones each time, so that a failure is the change's; others with HOSTILE_SEED. */
const seed = Number(process.env['HOSTILE_SEED'] ?? 1)

/** What a refusal writes on purpose, beside saying in the audit log that it refused. */
const refusalsThatWrite: Record<string, readonly string[]> = {
  // A run that is refused is shown among the runs, with its rule.
  'POST /runs': ['Run'],
  // What is not any more what was held is cancelled, so that its caller may send it again.
  'POST /approvals/{id}/decide': ['AuditEvent', 'HeldCall'],
}
/** Where text goes in and is only looked at. */
const looksOnly = new Set(['POST /policy-sets/check', 'POST /simulate', 'POST /hold-rules/forecast', 'POST /agents/bulk/eligible']) // prettier-ignore
/** What is sealed before it is written. */
const sealed = /^(?:secret|url|password|token|privateKey|certificate|clientSecret)$/

type Asked = (path: string, options: object) => Promise<Response>
/** `written` says which tables have changed since it was asked last. */
type World = PermissionWorld & { db: Db; ask: Asked; written: () => Promise<string[]> }
type Where = { part: 'params' | 'query' | 'body'; place: Place }

const test = dbTest.extend('world', { scope: 'file' }, async ({ database, db }): Promise<World> => {
  const unlimited = { WHEELHOUSE_API_READS_PER_MINUTE: '0', WHEELHOUSE_API_WRITES_PER_MINUTE: '0' }
  const portal = await openApiPortal(database, unlimited)
  const world = await permissionWorld(db)
  const { id: personId } = await makePerson(db, { roles, teamIds: ['finance-platform'] })
  const token = await makeToken(db, { personId, permissions })
  let [digests, transactions] = [await tableDigests(db), await transactionCount(db)]
  const written = async () => {
    // Without a transaction nothing can have been written.
    const count = await transactionCount(db)
    if (count === transactions) return []
    const before = digests
    ;[digests, transactions] = [await tableDigests(db), count]
    return Object.keys(digests).filter((table) => digests[table] !== before[table])
  }
  return { ...world, db, written, ask: (path, options) => portal.fetch(path, { token, ...options }) }
})

test('whatever stands in the place of one value: it is refused with what is wrong, or kept as it was sent', async ({ world }) => {
  for (const endpoint of allRoutes) {
    const places = placesIn(endpoint)
    if (places.length === 0) continue
    const property = fc.asyncProperty(fc.constantFrom(...places), anyHostile, async (where, value) =>
      holdsUp(world, endpoint, { where, value }),
    )
    await fc.assert(property, { numRuns, seed, endOnFailure: true })
  }
}, 3_600_000) // prettier-ignore

test('what is no body at all is refused with where it breaks, and nothing is written', async ({ world }) => {
  const megabytes = `{"name":"${'x'.repeat(10_000_000)}"}`
  const json = { 'content-type': 'application/json' }
  const broken: [string, RegExp, RequestInit][] = [
    ['cut off', /line 2, column 14/, { body: '{\n "reason": 1,', headers: json }],
    ['nothing', /ends too early/, { body: '', headers: json }],
    ['too deep', /nested too deeply|Invalid|not valid/i, { body: '['.repeat(100_000), headers: json }],
    ['not UTF-8', /UTF-8/, { body: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), headers: json }],
    ['ten megabytes', /larger than \d+ bytes/, { body: megabytes, headers: json }],
    ['not said to be JSON', /application\/json/, { body: '{}', headers: { 'content-type': 'text/plain' } }],
    ['a list', /valid/, { body: '[]', headers: json }],
    ['null', /valid/, { body: 'null', headers: json }],
  ]
  await world.written()
  for (const endpoint of allRoutes.filter(({ body, textBody }) => body && !textBody)) {
    const { path } = requestOf(endpoint, world.params(endpoint))
    for (const [name, says, { body, headers }] of broken) {
      const response = await world.ask(path, { method: endpoint.method, text: body, headers })
      const said = await response.text()
      expect([nameOf(endpoint), name, response.status, said]).toEqual([
        nameOf(endpoint),
        name,
        422,
        expect.stringMatching(says) as string,
      ])
    }
  }
  expect(await world.written()).toEqual([])
}, 600_000)

test.for([
  ['PATCH', '/agents/invoice-reconciler-7', { monthlyBudgetMicros: '0x10' }, 'monthlyBudgetMicros'],
  ['PATCH', '/agents/invoice-reconciler-7', { monthlyBudgetMicros: true }, 'monthlyBudgetMicros'],
  ['PATCH', '/agents/invoice-reconciler-7', { monthlyBudgetMicros: '' }, 'monthlyBudgetMicros'],
  ['POST', '/inbox/read', { until: '0000-01-01T00:00:00Z' }, 'until'],
  ['POST', '/policy-sets/2147483648/end-log-only', undefined, 'number'],
  ['GET', '/policy-sets/2147483648/replays', undefined, 'number'],
  ['GET', '/agents?asOf=0000-01-01T00:00:00Z', undefined, 'asOf'],
  ['GET', '/fleet/candidates?minRuns=2147483648', undefined, 'minRuns'],
  ['POST', '/policy-sets', { text: 'x', note: 'Nothing is changed at night.', basedOn: 2147483648 }, 'basedOn'],
  ['GET', '/agents/invoice-reconciler-7/history?cursor=0000-01-01T00:00:00Z', undefined, 'cursor'],
  ['GET', '/unregistered?cursor=0000-01-01T00:00:00Z_01990000-0000-7000-8000-000000000001', undefined, 'cursor'],
  [
    'POST',
    '/agents/invoice-reconciler-7/logic',
    { layer: { prompt: '', parameters: {} }, templateVersion: '' },
    'templateVersion',
  ],
  ['POST', `/webhooks/${exampleId.id}/replay`, { failedSince: 7 }, ''],
] as const)('%s %s says what is wrong with %j', async ([method, path, body, field], { world }) => {
  const response = await world.ask(`/api/v1${path}`, { method, body })
  const { errors } = (await response.json()) as { errors: Record<string, string[]> }
  expect([response.status, Object.keys(errors)]).toEqual([422, [field]])
})

async function holdsUp(world: World, endpoint: Endpoint, { where, value }: { where: Where; value: Hostile }) {
  const { db, ask } = world
  const name = nameOf(endpoint)
  const { path, body } = requestOf(endpoint, world.params(endpoint), { where, value })
  const response = await ask(path, { method: endpoint.method, ...body })
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  const said = isStream ? '' : await response.text()
  await response.body?.cancel().catch(() => {})
  expect({ status: response.status < 500, said }).toMatchObject({ status: true })
  expect(said).not.toMatch(/node_modules|\n\s+at |prisma|\.ts:\d/i)
  if (response.status === 422) expect({ told: told(said, where), said }).toMatchObject({ told: true })
  if (response.status >= 400 || endpoint.method === 'GET') {
    expect((await world.written()).filter((table) => !refusalsThatWrite[name]?.includes(table))).toEqual([])
    return
  }
  const text: unknown = JSON.parse(value.json)
  if (where.part === 'body' && typeof text === 'string' && !looksOnly.has(name) && !sealed.test(where.place.at(-1)!)) {
    const kept = text.trim()
    const isKept = said.includes(JSON.stringify(kept).slice(1, -1)) || (await isStored(db, kept))
    expect({ kept, isKept }).toMatchObject({ isKept: true })
  }
  await world.restore()
  await world.written()
}

/** Whether a problem says which value it is about, or which rule refuses it. */
function told(said: string, { place }: Where): boolean {
  const { errors, problems, rule, detail } = JSON.parse(said) as {
    errors?: Record<string, string[]>
    problems?: unknown[]
    rule?: string
    detail: string
  }
  const fields = Object.keys(errors ?? {})
  return (
    fields.some((field) => field === '' || field.split('.')[0] === place[0]) ||
    problems !== undefined ||
    rule !== undefined ||
    `${detail} ${JSON.stringify(errors)}`.includes(place.at(-1)!)
  )
}

function placesIn(endpoint: Endpoint): Where[] {
  const of = (part: Where['part'], example: unknown) =>
    placesOf(endpoint[part], example).map((place) => ({ part, place }))
  const { params, query, body } = { params: of('params', undefined), query: of('query', endpoint.example?.query), body: of('body', endpoint.example?.body) } // prettier-ignore
  return [...params, ...query, ...(endpoint.textBody ? [] : body)]
}

function requestOf(endpoint: Endpoint, params: Record<string, string> = {}, odd?: { where: Where; value: Hostile }) {
  const { part, place } = odd?.where ?? { part: null, place: [] }
  const plain = odd ? textOf(odd.value.json) : ''
  const values = part === 'params' ? { ...params, [place[0]!]: plain.slice(0, 5000) } : params
  const query = new URLSearchParams(endpoint.example?.query)
  if (part === 'query') query.set(place[0]!, plain)
  const path = endpoint.path.replaceAll(/\{(\w+)\}/g, (_, key: string) =>
    encodeURIComponent((values[key] ?? '').toWellFormed()),
  )
  const example = endpoint.example?.body
  const json = part === 'body' ? withValue(example, place, odd!.value.json) : JSON.stringify(example)
  const headers = { 'content-type': 'application/json' }
  const body = endpoint.textBody ? { text: String(example) } : endpoint.body ? { text: json, headers } : {}
  return { path: query.size > 0 ? `${path}?${query}` : path, body }
}

/** What stands in an address is text. */
function textOf(json: string): string {
  const value: unknown = JSON.parse(json)
  return typeof value === 'string' ? value : json
}

function nameOf({ method, path }: Endpoint): string {
  return `${method} ${path.slice('/api/v1'.length)}`
}
