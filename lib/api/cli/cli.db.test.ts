import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { permissions as allPermissions } from '#lib/auth/permissions.ts'
import { freePort } from '#lib/dev/ports.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { startCli } from '#lib/dev/test/run-cli.ts'

const cliTest = dbTest
  .extend('server', { scope: 'file' }, async ({ database }, { onCleanup }) => {
    const server = await (await openApiPortal(database)).listen()
    onCleanup(() => server.close())
    return server
  })
  .extend('home', async ({}, { onCleanup }) => {
    const home = await mkdtemp(join(tmpdir(), 'wheelhouse-cli-'))
    onCleanup(() => rm(home, { recursive: true, force: true }))
    return home
  })
  .extend('admin', { scope: 'file' }, async ({ database: { db } }) => {
    const person = await makePerson(db, { roles: ['platform_admin'], name: 'Ada Admin' })
    return { ...person, token: await makeToken(db, { personId: person.id, permissions: allPermissions }) }
  })
  .extend('wheelhouse', ({ server, home, admin }) => {
    return (args: string[], options: { env?: Record<string, string>; input?: string } = {}) => {
      const env = { WHEELHOUSE_URL: server.url, WHEELHOUSE_TOKEN: admin.token, ...options.env }
      return startCli(args, { home, ...options, env }).ended
    }
  })

const stranger = { WHEELHOUSE_TOKEN: '' }

cliTest('it says its version, without a portal', async ({ wheelhouse }) => {
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../../package.json'), 'utf8'))
  const env = { WHEELHOUSE_URL: 'http://127.0.0.1:1', ...stranger }
  expect(await wheelhouse(['--version'], { env })).toMatchObject({ code: 0, out: `${version}\n` })
})

describe('who one is', () => {
  cliTest(
    'a login is stored for this user alone and sent to its address only',
    async ({ wheelhouse, home, server, admin }) => {
      const env = { ...stranger, WHEELHOUSE_URL: '' }
      const login = await wheelhouse(['login', '--url', server.url], { env, input: `${admin.token}\n` })
      expect(login).toMatchObject({ code: 0, out: expect.stringContaining('Ada Admin') })
      expect(login.out + login.err).not.toContain(admin.token)
      const file = join(home, 'config/wheelhouse/logins.json')
      expect((await stat(file)).mode & 0o777).toBe(0o600)
      expect((await stat(join(home, 'config/wheelhouse'))).mode & 0o777).toBe(0o700)

      const me = await wheelhouse(['whoami', '--json'], { env })
      expect(JSON.parse(me.out)).toMatchObject({ name: 'Ada Admin', roles: ['platform_admin'] })
      const elsewhere = await wheelhouse(['whoami', '--url', server.url.replace('127.0.0.1', 'localhost')], { env })
      expect(elsewhere).toMatchObject({ code: 1, err: expect.stringContaining('wheelhouse login') })

      expect((await wheelhouse(['logout'], { env })).code).toBe(0)
      expect(await readFile(file, 'utf8')).not.toContain('wh_pat_')
    },
  )

  cliTest('a wrong token is not stored', async ({ wheelhouse, home }) => {
    const login = await wheelhouse(['login', '--token', 'wh_pat_wrong'], { env: stranger })
    expect(login).toMatchObject({ code: 1, err: expect.stringContaining('not valid') })
    await expect(stat(join(home, 'config'))).rejects.toThrow('ENOENT')
  })

  cliTest(
    'on the server’s machine the admin token is used by itself, and for this machine only',
    async ({ wheelhouse, home, admin }) => {
      await writeFile(join(home, 'admin-token'), `${admin.token}\n`, { mode: 0o600 })
      const me = await wheelhouse(['whoami'], { env: stranger })
      expect(me).toMatchObject({ code: 0, out: expect.stringMatching(/Ada Admin[^]*admin-token/) })
      // 192.0.2.0/24 is for documentation (RFC 5737): nobody answers there, and nothing of ours is sent.
      const { findAccess } = await import('./access.ts')
      const config = {
        url: null,
        localUrl: 'http://localhost:3000',
        token: null,
        home,
        configFolder: join(home, 'none'),
      }
      const found = await findAccess(
        { ...config, databaseUrl: null, postgresPort: null, user: 'x' },
        'http://192.0.2.1',
      )
      expect(found).toEqual({ url: 'http://192.0.2.1', token: null, from: null })
    },
  )

  cliTest('tokens are made, listed and revoked', async ({ wheelhouse }) => {
    const made = await wheelhouse(['token', 'create', 'ci', '--permission', 'agents:read', 'runs:read', '--days', '7'])
    expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^wh_pat_[\w-]{43}\n$/) })
    const list = JSON.parse((await wheelhouse(['token', 'list', '--json'])).out) as {
      items: { id: string; name: string }[]
    }
    const { id } = list.items.find(({ name }) => name === 'ci')!
    expect((await wheelhouse(['token', 'revoke', id])).code).toBe(0)
    const denied = await wheelhouse(['agents', 'list'], { env: { WHEELHOUSE_TOKEN: made.out.trim() } })
    expect(denied.code).toBe(1)
  })
})

cliTest('signing keys are listed and rotated', async ({ wheelhouse }) => {
  const first = await wheelhouse(['keys', 'rotate', '--reason', 'to begin with'])
  expect(first).toMatchObject({ code: 0, out: expect.stringMatching(/^Key \S{43} signs from/) })
  const second = JSON.parse((await wheelhouse(['keys', 'rotate', '--reason', 'lost', '--withdraw', '--json'])).out) as {
    kid: string
    withdrawn: string[]
  }
  expect(second.withdrawn).toHaveLength(1)
  const list = await wheelhouse(['keys', 'list'])
  expect(list.out).toMatch(new RegExp(`${second.kid} +EdDSA +signing`))
  expect(list.out).toMatch(new RegExp(`${second.withdrawn[0]} +EdDSA +withdrawn`))
  expect((await wheelhouse(['keys', 'rotate'])).code).toBe(2)
})

describe('the answer', () => {
  cliTest('agents that can write to production are a table, or JSON', async ({ db, wheelhouse }) => {
    const serverId = await makeServer(db, { environment: 'production' })
    const writer = await makeAgent(db)
    await makeGrant(db, { agentId: writer.id, serverId, class: 'write' })
    await makeAgent(db)
    const table = await wheelhouse(['agents', 'list', 'can:write', 'env:production'])
    expect(table.code).toBe(0)
    expect(table.out).toMatch(/^ID +OWNER +STATUS/)
    expect(table.out).toContain(`${serverId}:write*`)
    expect(table.out).toContain('1 agent\n')
    const same = await wheelhouse(['agents', 'list', '--can', 'write', '--env', 'production', '--json'])
    expect(JSON.parse(same.out)).toMatchObject({ total: 1, items: [{ id: writer.id }] })
    const shown = await wheelhouse(['agents', 'show', writer.id])
    expect(shown.out).toMatch(new RegExp(`${serverId}:write +production +no end +change, look; besides tools`))
  })

  cliTest(
    'facets say how many agents have each value, among them kinds of data and orphaned agents',
    async ({ db, wheelhouse }) => {
      const serverId = await makeServer(db, { dataClasses: ['health'] })
      const left = await makePerson(db)
      await db.person.update({ where: { id: left.id }, data: { active: false } })
      const reader = await makeAgent(db, { accountablePersonId: left.id, purpose: 'counted by facets' })
      await makeGrant(db, { agentId: reader.id, serverId, class: 'read' })
      await makeAgent(db, { purpose: 'counted by facets' })
      const shown = await wheelhouse(['agents', 'facets', 'counted'])
      expect(shown.out).toMatch(/^KEY +VALUE +NAME +AGENTS/)
      expect(shown.out).toMatch(/^data +health +1$/m)
      expect(shown.out).toMatch(/^orphaned +yes +1$/m)
      const same = await wheelhouse(['agents', 'facets', 'counted', '--data', 'health', '--orphaned', 'no', '--json'])
      // Each facet leaves its own filter out.
      expect(JSON.parse(same.out)).toMatchObject({ data: [], orphaned: [{ value: 'yes', count: 1 }] })
    },
  )

  cliTest('text of others cannot steer the terminal', async ({ db, wheelhouse }) => {
    const { id } = await makeAgent(db, { purpose: 'harmless \u001b]0;owned\u0007\u001b[2J\u202etxt' })
    const { out } = await wheelhouse(['agents', 'show', id])
    expect(out).toContain('harmless')
    // oxlint-disable-next-line no-control-regex
    expect(out).not.toMatch(/[\u001b\u0007\u202e]/)
  })

  cliTest('servers, templates, fleet and scopes have their tables', async ({ db, wheelhouse }) => {
    const serverId = await makeServer(db)
    expect((await wheelhouse(['servers', 'list'])).out).toContain(serverId)
    expect((await wheelhouse(['servers', 'show', serverId])).out).toMatch(/wipe +destructive +approved/)
    expect((await wheelhouse(['fleet'])).out).toMatch(/Agents +\d+ active/)
    expect((await wheelhouse(['scopes', 'list'])).out).toBe('There is no such request.\n')
  })
})

describe('YAML', () => {
  cliTest(
    'an exported agent is applied again without a change, and with one as planned',
    async ({ db, wheelhouse, home }) => {
      const { id } = await makeAgent(db, { purpose: 'to be exported' })
      const file = join(home, 'agents.yaml')
      expect((await wheelhouse(['agents', 'export', id, '-o', file])).code).toBe(0)
      const text = await readFile(file, 'utf8')
      expect(text).toContain(`id: ${id}\n`)
      const same = await wheelhouse(['agents', 'apply', '-f', file])
      expect(same).toMatchObject({ code: 0, out: expect.stringContaining(`= ${id}\n1 agent: 0 created, 0 changed`) })
      const edited = text.replace('to be exported', 'to be changed')
      const plan = await wheelhouse(['apply', '-f', '-', '--dry-run'], { input: edited })
      expect(plan.out).toMatch(new RegExp(`~ ${id}\n.*to be exported.*to be changed`))
      expect(await db.agent.findUnique({ where: { id } })).toMatchObject({ purpose: 'to be exported' })
      expect((await wheelhouse(['apply', '-f', '-', '--yes'], { input: edited })).code).toBe(0)
      expect(await db.agent.findUnique({ where: { id } })).toMatchObject({ purpose: 'to be changed' })
    },
  )

  cliTest('comes in the order asked for, and a table as it is named', async ({ db, wheelhouse }) => {
    const made = [await makeAgent(db, { name: 'Export B' }), await makeAgent(db, { name: 'Export A' })]
    const names = async (...order: string[]) => {
      const { out } = await wheelhouse(['agents', 'export', '--query', 'Export', ...order])
      return [...out.matchAll(/^id: (.+)$/gm)].map(([, id]) => made.findIndex((agent) => agent.id === id))
    }
    expect(await names('--sort', 'name')).toEqual([1, 0])
    expect(await names('--sort', 'name', '--desc')).toEqual([0, 1])
    const ids = made.map(({ id }) => id)
    const table = await wheelhouse(['agents', 'csv', '--ids', ids.join(','), '--columns', 'agent'])
    expect(table.out.split(/\r?\n/).map((line) => line.split(',')[0])).toEqual(['id', ...ids, ''])
  })

  cliTest('a wrong file is refused with file, line and column', async ({ wheelhouse, home }) => {
    const file = join(home, 'wrong.yaml')
    await writeFile(file, 'id: some-agent\npurpose: x\nguardrails: none\n')
    const refused = await wheelhouse(['agents', 'apply', '-f', file])
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toMatch(new RegExp(`^${file}:3:\\d+: guardrails are inherited`))
    expect(refused.err).toMatch(
      /Nothing of .*wrong\.yaml was applied\.\n {2}rule: lifecycle:manifest\n {2}request: req_/,
    )
  })
})

describe('refusals and exit codes', () => {
  cliTest('a refusal is 1, with rule and request id on standard error', async ({ db, wheelhouse, admin }) => {
    const { id } = await makeAgent(db, { status: 'suspended' })
    const refused = await wheelhouse(['runs', 'start', id])
    expect(refused).toMatchObject({ code: 1, out: '' })
    expect(refused.err).toMatch(/^wheelhouse: .+\n {2}rule: agent_not_active\n {2}request: req_[0-9a-f]+\n$/)
    const asJson = await wheelhouse(['runs', 'start', id, '--json'])
    expect(JSON.parse(asJson.err)).toMatchObject({ status: 409, rule: 'agent_not_active', exitCode: 1 })
    expect(admin.permissions.has('runs:start')).toBe(true)
  })

  cliTest('wrong values are 1 with a line for each field', async ({ wheelhouse }) => {
    const refused = await wheelhouse(['token', 'create', '', '--permission', 'agents:read', '--days', '9999'])
    expect(refused.code).toBe(1)
    expect(refused.err).toMatch(/ {2}name: .+\n {2}days: .+/)
  })

  cliTest('wrong use is 2 before anything is sent', async ({ wheelhouse }) => {
    const env = { WHEELHOUSE_URL: 'http://127.0.0.1:1' }
    const wrong = [
      ['agents', 'fly'],
      ['agents', 'list', '--can', 'fly'],
      ['agents', 'suspend', 'x'],
      ['kill', 'agent'],
      ['kill', 'moon', 'x', '--reason', 'far'],
    ]
    const ended = await Promise.all(wrong.map((args) => wheelhouse(args, { env })))
    expect(ended.map(({ code, out }) => ({ code, out }))).toEqual(wrong.map(() => ({ code: 2, out: '' })))
  })

  cliTest('a portal that does not answer is 3', async ({ wheelhouse }) => {
    const url = `http://127.0.0.1:${await freePort()}`
    const away = await wheelhouse(['agents', 'list', '--url', url])
    expect(away).toMatchObject({
      code: 3,
      err: expect.stringContaining(`cannot be reached at ${url}: connect ECONNREFUSED`),
    })
  })

  cliTest('help is 0 and says what a verb does', async ({ wheelhouse }) => {
    const help = await wheelhouse(['runs', 'tail', '--help'])
    expect(help).toMatchObject({ code: 0, out: expect.stringContaining('Follow the log of a run until it ends.') })
  })
})

describe('kill and resume', () => {
  cliTest('one agent is stopped by name and resumed by name', async ({ db, wheelhouse, admin }) => {
    const { id } = await makeAgent(db)
    const killed = await wheelhouse(['kill', 'agent', id, '--reason', 'It posts to the wrong ledger.'])
    expect(killed).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Stopped: agent .+ Order [0-9a-f-]{36}, 0 runs/),
    })
    expect((await wheelhouse(['kill'])).out).toMatch(new RegExp(`agent ${id}.*${admin.name}`))
    const again = await wheelhouse(['kill', 'agent', id, '--reason', 'again'])
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('rule: stop:already_ordered') })
    expect((await wheelhouse(['resume', 'agent', id, '--reason', 'fixed'])).code).toBe(0)
    expect((await wheelhouse(['kill'])).out).toBe('Nothing is stopped.\n')
    expect((await auditOf(db, id)).map(({ event }) => event)).toEqual(['stop.ordered', 'stop.released'])
  })

  cliTest(
    'with the portal down the order goes straight to the database, named after who sits there',
    async ({ db, databaseUrl, wheelhouse }) => {
      const url = `http://127.0.0.1:${await freePort()}`
      const args = ['kill', 'organization', '--reason', 'Credentials leaked.', '--url', url]
      const killed = await wheelhouse(args, { env: { DATABASE_URL: databaseUrl } })
      expect(killed).toMatchObject({ code: 0, out: expect.stringContaining('Stopped: the whole organization.') })
      expect(killed.err).toMatch(/cannot be reached[^]*straight in the database, as .+@/)
      const order = await db.stopOrder.findFirstOrThrow({ where: { scope: 'organization', releasedAt: null } })
      expect(order).toMatchObject({ reason: 'Credentials leaked.', orderedById: null })
      expect(order.orderedByName).toMatch(/^command line, .+@/)
      const event = await db.auditEvent.findFirstOrThrow({
        where: { event: 'stop.ordered', subjectId: 'organization' },
      })
      expect(event).toMatchObject({ actorKind: 'system', actorName: order.orderedByName })

      const again = await wheelhouse(args, { env: { DATABASE_URL: databaseUrl } })
      expect(again).toMatchObject({ code: 1, err: expect.stringContaining('stopped this already') })
      expect((await wheelhouse(['resume', order.id, '--reason', 'rotated'])).code).toBe(0)
    },
  )

  cliTest('the embedded database is found in the data folder', async ({ db, databaseUrl, wheelhouse, home }) => {
    const { findDatabase } = await import('./local-database.ts')
    await writeFile(join(home, 'secrets.json'), JSON.stringify({ POSTGRES_PASSWORD: 'sesame' }))
    await mkdir(join(home, 'postgres'))
    await writeFile(join(home, 'postgres/postmaster.pid'), `123\n${home}/postgres\n1790000000\n7999\n`)
    const config = { databaseUrl: null, home, postgresPort: null } as Parameters<typeof findDatabase>[0]
    expect(await findDatabase(config)).toBe('postgresql://wheelhouse:sesame@127.0.0.1:7999/wheelhouse')
    expect(await findDatabase({ ...config, home: join(home, 'nowhere') })).toBeNull()
    expect(await findDatabase({ ...config, databaseUrl })).toBe(databaseUrl)
    const { id } = await makeAgent(db)
    const lost = await wheelhouse([
      'kill',
      'agent',
      id,
      '--reason',
      'lost',
      '--url',
      `http://127.0.0.1:${await freePort()}`,
    ])
    expect(lost).toMatchObject({ code: 3, err: expect.stringContaining('Nothing is stopped.') })
  })

  cliTest('a misspelt target is refused there too', async ({ databaseUrl, wheelhouse }) => {
    const args = ['kill', 'agent', 'invocie', '--reason', 'to be tested', '--database']
    const refused = await wheelhouse(args, { env: { DATABASE_URL: databaseUrl } })
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('There is no agent invocie.') })
  })
})
