import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import { inTx } from '#lib/auth/ctx.ts'
import { permissions as allPermissions, roles } from '#lib/auth/permissions.ts'
import { parseCliConfig } from '#lib/config/cli.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeServer, makeTemplate } from '#lib/dev/test/registry.ts'
import { runProgram } from './program.ts'
import { recordedTerminal } from './testing/recorded-terminal.ts'

type Wheelhouse = (args: string[], input?: string) => Promise<{ code: number; out: string; err: string }>

/** The command line in this process, as somebody who may do everything. */
const test = dbTest
  .extend('team', { scope: 'file' }, async ({ db }) => {
    const scope = { server: 'erp', class: 'read', required: false, approval: 'request', reason: 'For tests.' } as const
    await makeTemplate(db, { id: 'test-template', scopes: [scope] })
    await makeServer(db, { id: 'erp' })
    return await makeTeam(db)
  })
  .extend('wheelhouse', { scope: 'file' }, async ({ database, db, team }, { onCleanup }): Promise<Wheelhouse> => {
    const portal = await (await openApiPortal(database)).listen()
    onCleanup(() => portal.close())
    const person = await makePerson(db, { roles, teamIds: [team] })
    const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
    const config = parseCliConfig({ WHEELHOUSE_URL: portal.url, WHEELHOUSE_TOKEN: token, HOME: tmpdir() })
    return async (args, input = '') => {
      const { terminal, said } = recordedTerminal({ input })
      process.exitCode = undefined
      const code = await runProgram({ config, terminal }, args)
      process.exitCode = undefined
      return { code, ...said }
    }
  })

const why = ['--reason', 'to be tested']
const done = (out: string) => ({ code: 0, err: '', out: expect.stringContaining(out) })

test('views are saved, renamed, shared, made the default of a role and deleted', async ({ wheelhouse, db }) => {
  expect(await wheelhouse(['views', 'save', 'Writers', 'can:write', '--columns', 'owner,tier'])).toMatchObject(
    done('is saved'),
  )
  expect(await wheelhouse(['views', 'save', 'Writers', 'can:write', 'env:production'])).toMatchObject(done('is saved'))
  expect(await wheelhouse(['views', 'rename', 'Writers', 'Who writes'])).toMatchObject(done('Who writes'))
  expect(await wheelhouse(['views', 'default', 'security', 'Who writes'])).toMatchObject({ code: 1 })
  expect(await wheelhouse(['views', 'share', 'Who writes'])).toMatchObject(done('is shared'))
  expect(await wheelhouse(['views', 'default', 'security', 'Who writes'])).toMatchObject(done('begins with'))
  // Saved over without options it stays shared, with its columns; what is given replaces.
  expect(await wheelhouse(['views', 'save', 'Who writes', 'can:write', 'env:production'])).toMatchObject(
    done('is saved'),
  )
  const kept = async () =>
    JSON.parse((await wheelhouse(['views', 'show', 'Who writes', '--json'])).out) as Record<string, unknown>
  expect(await kept()).toMatchObject({ shared: true, state: { columns: ['owner', 'tier'], order: 'asc' } })
  await wheelhouse(['views', 'save', 'Who writes', '--sort', 'cost', '--desc'])
  expect(await kept()).toMatchObject({ state: { q: 'can:write env:production', sort: 'cost', order: 'desc' } })
  await wheelhouse(['views', 'save', 'Who writes', '--density', 'compact'])
  expect(await kept()).toMatchObject({ state: { sort: 'cost', columns: ['owner', 'tier'], density: 'compact' } })
  expect(await wheelhouse(['views', 'list'])).toMatchObject(done('can:write env:production'))
  expect(await wheelhouse(['views', 'show', 'Who writes'])).toMatchObject(done('security'))
  expect(await wheelhouse(['views', 'default', 'security'])).toMatchObject(done('all agents'))
  expect(await wheelhouse(['views', 'unshare', 'Who writes'])).toMatchObject(done('yourself'))
  expect(await wheelhouse(['views', 'delete', 'Who writes'])).toMatchObject(done('is deleted'))
  expect(await wheelhouse(['views', 'show', 'Who writes'])).toMatchObject({ code: 1 })
  expect(await wheelhouse(['views', 'save', 'x', '--columns', 'colour'])).toMatchObject({ code: 2 })
  expect(await db.catalogView.count()).toBe(0)
})

test('several agents are moved, and told why not the others', async ({ wheelhouse, db, team }) => {
  const [one, other] = [await makeAgent(db, { ownerTeamId: team }), await makeAgent(db, { ownerTeamId: team })]
  const ids = [one.id, other.id]
  const dry = await wheelhouse(['agents', 'bulk', 'suspend', ...ids, 'nobody', '--dry-run'])
  expect(dry).toMatchObject(done('2 of 3 agents can be moved'))
  expect(await wheelhouse(['agents', 'bulk', 'suspend', ...ids, 'nobody', ...why])).toMatchObject({
    code: 1,
    out: expect.stringMatching(/nobody: .*\n2 of 3 agents moved/),
  })
  const query = `status:suspended owner:${team}`
  expect(await wheelhouse(['agents', 'bulk', 'resume', '--query', query, ...why])).toMatchObject(
    done('2 of 2 agents moved'),
  )
  expect(await wheelhouse(['agents', 'bulk', 'suspend', one.id])).toMatchObject({ code: 2 })
  expect(await wheelhouse(['agents', 'bulk', 'retire', one.id, ...why])).toMatchObject({ code: 2 })
  expect((await auditOf(db, one.id)).map(({ event }) => event)).toEqual(['agent.suspended', 'agent.resumed'])
})

test('an agent is changed, scheduled, reviewed, given logic and credentials', async ({ wheelhouse, db, team }) => {
  const { id } = await makeAgent(db, { ownerTeamId: team })
  expect(await wheelhouse(['agents', 'update', id, '--purpose', 'to be read', '--budget', '99.5'])).toMatchObject(
    done('is changed'),
  )
  expect(await db.agent.findUnique({ where: { id } })).toMatchObject({
    purpose: 'to be read',
    monthlyBudgetMicros: 99_500_000n,
  })
  expect(await wheelhouse(['agents', 'update', id])).toMatchObject({ code: 2 })
  expect(await wheelhouse(['agents', 'update', id, '--budget', 'much'])).toMatchObject({ code: 2 })
  expect(await wheelhouse(['agents', 'schedule', id, '0 6 * * *'])).toMatchObject(done('0 6 * * *'))
  expect(await wheelhouse(['agents', 'review', id])).toMatchObject(done('next review'))
  const logic = await wheelhouse(
    ['agents', 'logic', id, '--prompt-file', '-', '--set', 'currency=USD'],
    'Mind the notes.',
  )
  expect(logic).toMatchObject(done('Version 2'))
  expect(await wheelhouse(['agents', 'versions', id])).toMatchObject(done('test-template@1.0.0'))
  expect(await wheelhouse(['agents', 'version', id, '2'])).toMatchObject(done('Mind the notes.'))
  expect(await wheelhouse(['agents', 'timeline', id])).toMatchObject(done('agent.reviewed'))
  expect(await wheelhouse(['agents', 'metrics', id])).toMatchObject(done('0 runs'))
  expect(await wheelhouse(['agents', 'issue-credential', id])).toMatchObject(done('\n'))
  expect(await wheelhouse(['agents', 'credentials', id])).toMatchObject(done('secret'))
  expect(await wheelhouse(['agents', 'revoke-credentials', id])).toMatchObject(done('1 credential revoked'))
  expect(await wheelhouse(['agents', 'retry', id])).toMatchObject({ code: 1 })
})

test('the catalog is written as comma-separated values', async ({ wheelhouse, db, team }) => {
  const { id } = await makeAgent(db, { ownerTeamId: team, name: 'With, comma' })
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-cli-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'agents.csv')
  expect((await wheelhouse(['agents', 'csv', `owner:${team}`, '-o', file])).code).toBe(0)
  const text = await readFile(file, 'utf8')
  expect(text).toMatch(/^id,name,owner/)
  expect(text).toContain(`${id},"With, comma",${team}`)
  expect((await wheelhouse(['agents', 'csv', `owner:${team}`])).out.trim()).toBe(text.trim())
  const chosen = ['agents', 'csv', `owner:${team}`, '--columns', 'runs,agent,sponsor,owner']
  expect((await wheelhouse(chosen)).out).toMatch(
    /^id,runs_30d,name,accountable,accountable_active,owner,owner_name\r?\n/,
  )
  const unknown = await wheelhouse(['agents', 'csv', '--columns', 'agent,secrets'])
  expect(unknown).toMatchObject({ code: 1 })
  expect(unknown.err).toContain('columns')
  const key = join(folder, 'key.json')
  await writeFile(key, 'no key')
  expect(await wheelhouse(['agents', 'issue-credential', id, '--public-key', key])).toMatchObject({ code: 1 })
})

test('servers are guarded, divided and given credentials', async ({ wheelhouse, db }) => {
  await makeServer(db, { id: 'local', transport: 'stdio', url: '', command: { command: 'x', args: [], env: [] } })
  expect(await wheelhouse(['servers', 'guards', 'erp', '--block-marked', 'on'])).toMatchObject(done('block marked: on'))
  expect(await wheelhouse(['servers', 'guards', 'erp'])).toMatchObject(done('mask secrets: on'))
  expect(await wheelhouse(['servers', 'boundary', 'local', 'team'])).toMatchObject(done('for each team'))
  expect(await wheelhouse(['servers', 'boundary', 'local', 'planet'])).toMatchObject({ code: 2 })
  expect(await wheelhouse(['servers', 'set-price', 'erp', '--call', '0.000250'])).toMatchObject(done('$0.00025 a call'))
  expect(await wheelhouse(['servers', 'set-price', 'erp', '--call', '1e-2'])).toMatchObject({ code: 2 })
  const much = await wheelhouse(['servers', 'set-price', 'erp', '--call', '20000'])
  expect(much).toMatchObject({ code: 2, err: expect.stringContaining('10,000 dollars') as string })
  expect(await wheelhouse(['servers', 'set-price', 'erp'])).toMatchObject({ code: 2 })
  expect(await wheelhouse(['servers', 'set-price', 'erp', '--none'])).toMatchObject(done('nothing a call'))
  expect(await wheelhouse(['servers', 'prices', 'erp'])).toMatchObject(done('nothing a call'))
  expect(await wheelhouse(['servers', 'health', 'erp'])).toMatchObject(done('No broker leaves it alone'))
  const set = await wheelhouse(['servers', 'set-credential', 'erp', '--kind', 'bearer', ...why], 'a secret token\n')
  expect(set).toMatchObject(done('is set'))
  expect(`${set.out}${JSON.stringify(await auditOf(db, 'erp'))}`).not.toContain('a secret token')
  expect(await wheelhouse(['servers', 'remove-credential', 'erp', ...why])).toMatchObject(done('is gone'))
})

test('escalations, rules, teams, templates and grants are read, and an escalation resolved', async ({
  wheelhouse,
  db,
  team,
}) => {
  const { id: agentId } = await makeAgent(db, { ownerTeamId: team })
  const run = { agentId, agentVersion: 1, trigger: 'manual', state: 'succeeded', input: '', simulated: true } as const
  const { id: runId } = await db.run.create({ data: run })
  const { id } = await db.escalation.create({
    data: { runId, agentId, kind: 'escalate', title: 'INV-1 differs', detail: {}, sourceId: 'e' },
  })
  expect(await wheelhouse(['escalations', 'list', '--agent', agentId])).toMatchObject(done('INV-1 differs'))
  expect(await wheelhouse(['escalations', 'resolve', id])).toMatchObject(done('dealt with'))
  expect(await wheelhouse(['escalations', 'list', '--agent', agentId])).toMatchObject(done('Nothing waits'))
  expect(await wheelhouse(['rule', 'grant_missing'])).toMatchObject(done('Only what is granted'))
  expect(await wheelhouse(['teams', 'list'])).toMatchObject(done(team))
  expect(await wheelhouse(['templates', 'show', 'test-template'])).toMatchObject(done('test-template@1.0.0'))
  const grant = await db.grant.create({
    data: { agentId, serverId: 'erp', class: 'read', reason: 'x', via: 'request' },
  })
  expect(await wheelhouse(['scopes', 'grant', grant.id])).toMatchObject(done('erp'))
})

test('policies are checked without a connection, drafted once, tried, enforced by somebody else and rolled back', async ({
  wheelhouse,
  db,
}) => {
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-policies-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'a.cedar'), permitsGranted)
  await writeFile(join(folder, 'b.cedar'), forbids('policy_cli', 'resource.colour == "red"'))
  const sets = (...args: string[]) => wheelhouse(['policy-sets', ...args])
  const wrong = await sets('check', '-f', folder)
  expect(wrong).toMatchObject({
    code: 1,
    out: expect.stringMatching(/^11:\d+ error \(policy_cli\): .*colour/) as string,
  })
  expect(await sets('draft', '-f', folder, '--note', 'By files.')).toMatchObject({ code: 1 })
  await writeFile(join(folder, 'b.cedar'), forbids('policy_cli', 'resource.class == "destructive"'))
  expect(await sets('check', '-f', folder)).toMatchObject(done('They type-check.'))
  expect(await sets('draft', '-f', folder, '--note', 'By files.')).toMatchObject(done('Policy set 2 is a draft.'))
  const again = await sets('draft', '-f', folder, '--note', 'By files.', '--number', '2')
  expect(again).toMatchObject(done('Policy set 2 is so already.'))
  expect(await sets('diff', '2')).toMatchObject(done('+ @id("policy_cli")'))
  expect(await sets('log-only', '2')).toMatchObject(done('Policy set 2 is log-only.'))
  expect(await sets('show', '2', '--report')).toMatchObject(done('This text was never replayed.'))
  expect(await sets('enforce', '2')).toMatchObject({ code: 1, err: expect.stringContaining('somebody else') as string })
  await db.policySet.update({ where: { number: 2 }, data: { authorIds: [] } })
  expect(await sets('terms')).toMatchObject(
    done('Log-only counts from 60 minutes and 1 judged call. These are the defaults.'),
  )
  expect(await sets('terms', '--calls', '5')).toMatchObject(done('Log-only counts from 60 minutes and 5 judged calls.'))
  expect(await sets('enforce', '2')).toMatchObject({ code: 1 })
  expect(await sets('enforce', '2', '--without-replay', 'It is only a test.')).toMatchObject(
    done('Policy set 2 is in force, in the place of 1.'),
  )
  expect(await sets('enforce', '2')).toMatchObject(done('in force already'))
  expect(await sets('show', '2')).toMatchObject(done('Title of policy_cli'))
  expect(await sets('rollback', '1', ...why)).toMatchObject(done('Policy set 1 is in force, in the place of 2.'))
  expect(await sets('draft', '-f', folder, '--note', 'Not wanted.')).toMatchObject(done('Policy set 3 is a draft.'))
  expect(await sets('discard', '3')).toMatchObject(done('Policy set 3 is thrown away.'))
  expect(await sets('list', '--state', 'discarded')).toMatchObject(done('Not wanted.'))
  expect(await sets('list')).toMatchObject(done('superseded'))
  expect(await sets('show', 'two')).toMatchObject({ code: 2 })
})

test('a call is simulated, and a decision is explained', async ({ wheelhouse, db, team }) => {
  const { id } = await makeAgent(db, { ownerTeamId: team })
  const refused = await wheelhouse(['simulate', id, 'erp/look', '--args', '{"word": "x"}'])
  expect(refused).toMatchObject(done('refused by the rule grant_missing'))
  expect(refused.out).toContain('✗ A grant that is in force covers the tool')
  const at = ['--at', '2040-01-01', '--any-args', '--started-by', 'schedule', '--simulated-model']
  expect(await wheelhouse(['simulate', id, 'erp/look', ...at])).toMatchObject(done('2040-01-01'))
  expect(await wheelhouse(['simulate', id, 'erp'])).toMatchObject({ code: 2 })
  expect(await wheelhouse(['simulate', id, 'erp/look', '--args', '[]'])).toMatchObject({ code: 2 })
  expect(await wheelhouse(['simulate', id, 'erp/look', '--policy-set', '4711'])).toMatchObject({ code: 1 })
  const entry = { subject: { kind: 'tool', id: 'erp/look', name: 'look' }, agentId: id, serverId: 'erp', tool: 'look' }
  const detail = { argumentsDigest: null, class: 'read', message: 'It holds no grant.' }
  const denied = { event: 'mcp.call_denied', ...entry, decision: 'deny', rule: 'grant_missing', detail } as const
  await inTx(ctxFor(db), async (tx, ctx) => recordAudit(tx, ctx, denied))
  const { id: decision } = await db.auditEvent.findFirstOrThrow({ where: { event: 'mcp.call_denied', agentId: id } })
  expect(await wheelhouse(['explain', decision])).toMatchObject(done('Now: the same.'))
  expect(await wheelhouse(['explain', crypto.randomUUID()])).toMatchObject({ code: 1 })
})

test('what is no number lifts no limit: it is a usage error, and nothing is sent', async ({ wheelhouse, db }) => {
  const { id } = await makeAgent(db)
  const own = async () => (await db.agent.findUniqueOrThrow({ where: { id } })).callsPerSecond
  expect(await wheelhouse(['agents', 'call-rate', id, '2', ...why])).toMatchObject(done('2 times a second'))
  for (const wrong of ['2/s', '', '0', '1e1', 'Default']) {
    expect(await wheelhouse(['agents', 'call-rate', id, wrong, ...why])).toMatchObject({ code: 2, out: '' })
    expect(await wheelhouse(['servers', 'limits', 'erp', '--calls-per-second', wrong])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--calls-per-second'),
    })
  }
  expect(await own()).toBe(2)
  expect(await wheelhouse(['agents', 'call-rate', id, 'default', ...why])).toMatchObject(done('any other'))
  expect(await own()).toBeNull()
  const limits = ['agents', 'limits', id]
  expect(await wheelhouse([...limits, '--result-bytes-max', '5000', ...why])).toMatchObject(
    done('resultBytesMax  5000'),
  )
  expect(await wheelhouse([...limits, '--result-bytes-max', '5k', ...why])).toMatchObject({ code: 2, out: '' })
  expect(await wheelhouse([...limits, '--result-bytes-max', '4000'])).toMatchObject({ code: 2, out: '' })
  expect(await wheelhouse([...limits, '--request-bytes-max', '1000', ...why])).toMatchObject({ code: 1, out: '' })
  expect(await wheelhouse(limits)).toMatchObject(done('resultBytesMax  5000'))
  expect(await wheelhouse([...limits, '--result-bytes-max', 'default', ...why])).toMatchObject(
    done('resultBytesMax  default'),
  )
  // Nor anywhere else: what JSON has no number for is not sent as null.
  const days = ['token', 'create', 'ci', '--permission', 'agents:read', '--days', 'a week']
  expect(await wheelhouse(days)).toMatchObject({
    code: 2,
    err: expect.stringContaining("'--days <days>' argument 'a week'"),
  })
})

test('what is adopted keeps its prompt, unless a file has another one', async ({ wheelhouse, db }) => {
  const definition = {
    system: 'Post what comes.',
    model: 'claude',
    tools: [],
    mcpServers: [],
    skills: [],
    description: null,
  }
  const adopt = async (id: string, more: string[] = []) => {
    const found = await db.unregisteredAgent.create({
      data: {
        source: 'claude',
        key: id,
        name: id,
        verified: true,
        firstSeenAt: new Date(),
        lastSeenAt: new Date(),
        detail: {},
        definition,
      },
    })
    const args = ['agents', 'create', id, '--template', 'test-template', '--purpose', 'to post', '--no-wait']
    expect(await wheelhouse([...args, '--adopt', found.id, ...more])).toMatchObject(done('is registered'))
    return (await db.agentVersion.findFirstOrThrow({ where: { agentId: id } })).layer
  }
  expect(await adopt('poster-of-old')).toEqual({ prompt: 'Post what comes.', parameters: {} })
  const folder = await mkdtemp(join(tmpdir(), 'adopt-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'prompt.md'), 'Post nothing.')
  expect(await adopt('poster-anew', ['--prompt-file', join(folder, 'prompt.md')])).toMatchObject({
    prompt: expect.stringContaining('Post nothing.'),
  })
})
