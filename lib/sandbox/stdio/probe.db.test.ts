import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { parseSandboxConfig } from '#lib/config/sandbox.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { ownerFor, probeOwner, sealTicket, stdioPath } from '#lib/core/stdio-ticket.ts'
import { encryptionKey } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { installStdioServer, makeStdioServer, stdioKey } from '#lib/dev/test/stdio-servers.ts'
import { createLog } from '#lib/log/log.ts'
import { recordServerTools, registerServer, requestServerProbe, runServerProbe } from '#lib/registry/commands.ts'
import { getServerProbe } from '#lib/registry/queries.ts'
import { registerServerInput } from '#lib/registry/schema.ts'
import { createBwrapDriver } from '../bwrap/driver.ts'
import { startSandboxService } from '../service.ts'
import { leftovers } from '../testing/test-driver.ts'

const secretBox = createSecretBox(encryptionKey)
const nobody = () => Promise.reject(new Error('No OAuth client is tried here.'))
const asking = { clientToken: nobody, namedIssuer: nobody }
const secret = 'canary-of-a-tried-program'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-probe-'))
  const driver = createBwrapDriver({ folder: join(home, 'sandbox') })
  const values = { DATABASE_URL: databaseUrl, WHEELHOUSE_ENVIRONMENT_KEY: 'k'.repeat(32), WHEELHOUSE_CLAUDE_PORT: '1' }
  const config = { ...parseSandboxConfig({ ...values, WHEELHOUSE_STDIO_KEY: stdioKey }), home, port: 0 }
  await installStdioServer(home, 'tried')
  const log = createLog({ process: 'sandbox-test', level: 'silent' })
  const stdioLimits = { backoffMs: 50, backoffMsMax: 200, patienceMs: 1500, stopMs: 500 }
  const service = await startSandboxService({ config, driver, db, log, stdioLimits })
  const url = `http://127.0.0.1:${service.port}`
  onCleanup(async () => {
    await service.abort()
    const left = await leftovers(driver, home)
    await rm(home, { recursive: true, force: true })
    if (left.length) throw new Error(`left behind: ${left.join(', ')}`)
  })
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const programs = { url, key: stdioKey }
  const request = async (args: string[], { id = 'tried', program = 'node', env = [] as string[] } = {}) => {
    const command = { command: program, args, env }
    const credential = env.length > 0 ? { credential: { kind: 'bearer' as const, secret } } : {}
    const input = { command, id, ...credential }
    return { command, ...(await requestServerProbe(ctx, { input, secretBox })) }
  }
  const probe = async (...given: Parameters<typeof request>) => {
    const { command, probeId } = await request(...given)
    const worker = { db, actor: systemActor('worker'), now: new Date() }
    await runServerProbe(worker, { probeId, secretBox, allowLinkLocal: false, programs, ...asking })
    const { report } = await getServerProbe(ctx, probeId)
    return { command, probeId, report: report!, kinds: report!.findings.map(({ kind }) => kind).toSorted() }
  }
  return { home, url, ctx, request, probe }
})

for (const era of ['modern', 'legacy'] as const) {
  test(`a program of the ${era} era is started once, says what it offers, and is gone`, async ({ db, world }) => {
    const { probe, url } = world
    const { report, probeId, command } = await probe(['steady.ts', era])
    expect(report).toMatchObject({ reachable: true, protocol: { era } })
    expect(report.tools.length).toBeGreaterThan(0)
    expect(report.findings.map(({ kind }) => kind)).not.toContain('does_not_start')
    expect(await auditOf(db, probeId)).toMatchObject([{ event: 'server.probed', detail: { command } }])
    const path = stdioPath(probeId, probeOwner.key)
    const ticket = sealTicket(stdioKey, { serverId: probeId, owner: probeOwner, environment: {} })
    const again = () => fetch(url + path, { headers: { authorization: `Bearer ${ticket}` } })
    // It has ended: nothing is started for it any more.
    await until(async () => (await (await again()).text()).includes('no active server over stdio has this id'))
    expect(await db.stdioProcess.count()).toBe(0)
  })
}

test('a program that is tried in the place of a registered server is compared with its tools, and no other is', async ({
  db,
  world,
}) => {
  await makeStdioServer(db, { id: 'compared', args: ['steady.ts', 'modern'] })
  const inputSchema = { type: 'object' }
  const worker = { db, actor: systemActor('broker'), now: new Date() }
  const tools = [{ name: 'earlier', description: 'Was there.', inputSchema }]
  await recordServerTools(worker, { serverId: 'compared', tools, newToolState: 'approved', seenBy: 'broker test:1' })
  const { report: alone } = await world.probe(['steady.ts', 'modern'])
  expect(alone.comparison).toBeUndefined()
  await installStdioServer(world.home, 'compared')
  const { report } = await world.probe(['steady.ts', 'modern'], { id: 'compared' })
  expect(report.comparison).toMatchObject({ changed: [], removed: ['earlier'], unchanged: 0 })
  expect(report.comparison!.added.map(({ name }) => name)).toEqual(report.tools.map(({ name }) => name))
  expect(report.comparison!.added.every(({ waits }) => waits)).toBe(true)
})

test('a program that crashes says how, with the last of its standard error, and nothing of its secret', async ({
  db,
  world,
}) => {
  const { report, kinds, probeId } = await world.probe(['wild.ts', 'crash-at-once'], { env: ['WILD_TOKEN'] })
  expect(kinds).toEqual(['does_not_start'])
  expect(report.findings[0]?.note).toMatch(/exit code|fails again/)
  expect(report.stderr?.length).toBeGreaterThan(0)
  expect(JSON.stringify(report)).not.toContain(secret)
  expect((await db.serverProbe.findUniqueOrThrow({ where: { id: probeId } })).ciphertext).toBeNull()
})

test('a program that fetches its package cannot, and is registered only by who accepts that by name', async ({
  world,
}) => {
  const { ctx, probe } = world
  const { kinds, command } = await probe(['-y', '@acme/files@1.2.0'], { id: 'fetching', program: 'npx' })
  expect(kinds).toEqual(['does_not_start', 'fetches_package'])
  const place = { environment: 'staging', sensitivity: 'internal', transport: 'stdio', command } as const
  const register = (id: string, acknowledged: string[]) =>
    registerServer(ctx, registerServerInput.parse({ id, name: id, ...place, acknowledged }))
  await expect(register('fetching', [])).rejects.toMatchObject({
    details: { rule: 'registry:finding_open', findings: ['fetches_package', 'does_not_start'] },
  })
  await register('fetching', ['fetches_package', 'does_not_start'])
})

test('what is looked at only says what it offers, and a server has no process of that name', async ({ db, world }) => {
  const { request, url } = world
  const { probeId } = await request(['steady.ts', 'modern'])
  await makeStdioServer(db, { id: 'tried', args: ['steady.ts', 'modern'] })
  const ask = async (serverId: string, owner = probeOwner) => {
    const ticket = sealTicket(stdioKey, { serverId, owner, environment: {} })
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: {} } }
    const response = await fetch(url + stdioPath(serverId, owner.key), {
      method: 'POST',
      headers: { authorization: `Bearer ${ticket}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return await response.text()
  }
  expect(await ask(probeId)).toContain('this process of it only says what it offers')
  expect(await ask(probeId, ownerFor('server', null))).toContain('its processes are divided in another way')
  expect(await ask('tried')).toContain('its processes are divided in another way')
})
