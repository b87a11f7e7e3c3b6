import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { ownerFor, sealTicket, stdioPath } from '#lib/core/stdio-ticket.ts'
import { encryptionKey, makeAgent, portalUrl, secretBox } from '#lib/dev/test/broker.ts'
import { agentSession, until } from '#lib/dev/test/broker-world.ts'
import { startChild } from '#lib/dev/test/child.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { startNpmRegistry } from '#lib/dev/test/npm-registry.ts'
import { packagedServer, words } from '#lib/dev/test/packaged-server.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { stdioKey } from '#lib/dev/test/stdio-servers.ts'
import { freePort } from '#lib/dev/ports.ts'
import {
  approveTools,
  importServer,
  requestPackage,
  setServerCredential,
  updateServer,
} from '#lib/registry/commands.ts'
import { runPackageFetch } from '#lib/registry/commands/package-fetch.ts'
import { getPackageFetch, getServer } from '#lib/registry/queries.ts'
import { importServerInput } from '#lib/registry/schema.ts'
import { startBroker } from './testing/start-broker.ts'

// npm, a sandbox service and a broker are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

const token = 'canary-of-a-packaged-server'

/** A broker here, the sandbox service as on another machine: it has the database and the registry, and no package yet. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const [home, otherHome] = await Promise.all(
    ['worker', 'sandbox'].map((name) => mkdtemp(join(tmpdir(), `wheelhouse-packaged-${name}-`))),
  )
  const registry = await startNpmRegistry([words('1.0.0', 'Hello'), packagedServer('1.2.0'), packagedServer('1.3.0')])
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const sandbox = await startChild({
    entry: 'lib/sandbox/main.ts',
    env: {
      DATABASE_URL: databaseUrl,
      WHEELHOUSE_HOME: otherHome!,
      WHEELHOUSE_NPM_REGISTRY: registry.url,
      WHEELHOUSE_SANDBOX_PORT: String(port),
      WHEELHOUSE_ENVIRONMENT_KEY: 'k'.repeat(32),
      WHEELHOUSE_STDIO_KEY: stdioKey,
      WHEELHOUSE_CLAUDE_PORT: '1',
      WHEELHOUSE_LOG_LEVEL: 'info',
    },
    ready: async () => (await fetch(`${url}/healthz`)).ok,
  })
  const broker = await startBroker({
    db,
    databaseUrl,
    port: await freePort(),
    portalUrl,
    encryptionKey,
    stdio: { url, key: stdioKey },
    limits: { callDeadlineMs: 60_000, circuitOpenMs: 200 },
  })
  onCleanup(async () => {
    await broker.stop()
    await sandbox.stop()
    await registry.close()
    await Promise.all([home, otherHome].map((folder) => rm(folder!, { recursive: true, force: true })))
  })
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const fetchVersion = async (version: string) => {
    const { packageId } = await requestPackage(ctx, { name: '@acme/packaged', version })
    const store = { folder: join(home!, 'packages'), registry: `${registry.url}/` }
    await runPackageFetch({ db, actor: systemActor('worker'), now: new Date() }, { packageId, store })
    return await getPackageFetch(ctx, packageId)
  }
  return { url, broker, sandbox, registry, otherHome: otherHome!, ctx, fetchVersion }
})

const textOf = (result: { content?: unknown }) => (result.content as { text: string }[])[0]!.text

test('a server of a package is imported, fetched again where it runs, and called through the broker without network', async ({
  db,
  world,
}) => {
  const { url, ctx, registry, sandbox, otherHome, fetchVersion } = world
  const fetched = await fetchVersion('1.2.0')
  const file = {
    name: 'io.github.acme/packaged',
    description: 'Greets.',
    version: '1.2.0',
    packages: [
      {
        registryType: 'npm',
        identifier: '@acme/packaged',
        version: '1.2.0',
        transport: { type: 'stdio' },
        packageArguments: [{ type: 'named', name: '--tone', isRequired: true }],
        environmentVariables: [{ name: 'PACKAGED_TOKEN', isRequired: true, isSecret: true }],
      },
    ],
  }
  const imported = importServerInput.parse({
    text: JSON.stringify(file),
    packageId: fetched.id,
    values: { '--tone': 'kind' },
    environment: 'staging',
    sensitivity: 'internal',
    acknowledged: ['not_probed'],
  })
  const { id: serverId } = await importServer(ctx, imported)
  await setServerCredential(ctx, { input: { serverId, kind: 'bearer', secret: token }, secretBox })

  // The watch of tools starts it: what is not on that machine is fetched there.
  const hashOf = async () =>
    (await db.mcpTool.findUnique({ where: { serverId_name: { serverId, name: 'greet' } } }))?.definitionHash
  await until(async () => (await hashOf()) !== undefined, 120_000)
  expect(await readdir(join(otherHome, 'packages'))).toEqual([fetched.package!.lock])
  await approveTools(ctx, { serverId, tools: [{ name: 'greet', definitionHash: (await hashOf())! }] })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId })
  /** What is said, or nothing while it cannot be reached. */
  const greet = async (): Promise<string | null> => {
    const client = await agentSession(db, world, { agent, serverId }).catch(() => null)
    if (!client) return null
    try {
      return textOf(await client.callTool({ name: 'greet', arguments: { name: 'Ada' } }))
    } finally {
      await client.close()
    }
  }
  const greeting = `Hello Ada --tone=kind token of ${token.length}`
  await until(async () => (await greet()) === greeting, 60_000)
  expect(sandbox.output()).not.toContain(token)

  // Another version is another program: it is accepted anew, and its credential is gone.
  const newer = await fetchVersion('1.3.0')
  const { command } = await getServer(ctx, serverId)
  const change = { id: serverId, command: { ...command!, package: newer.package! } }
  await expect(updateServer(ctx, change)).rejects.toMatchObject({
    details: { rule: 'registry:finding_open', findings: ['not_probed'] },
  })
  await updateServer(ctx, { ...change, acknowledged: ['not_probed'] })
  expect(await getServer(ctx, serverId)).toMatchObject({
    command: { package: { version: '1.3.0', integrity: newer.package!.integrity } },
    packageFetch: { ...newer.facts, fetchedAt: newer.finishedAt },
    credentials: [],
  })
  await setServerCredential(ctx, { input: { serverId, kind: 'bearer', secret: 'another' }, secretBox })
  await until(async () => (await greet()) === 'Hello Ada --tone=kind token of 7', 120_000)
  expect((await readdir(join(otherHome, 'packages'))).toSorted()).toEqual(
    [fetched.package!.lock, newer.package!.lock].toSorted(),
  )

  // On a machine without it, and with the registry away, nothing is started and the reason is said.
  await registry.close()
  await rm(join(otherHome, 'packages'), { recursive: true, force: true })
  await updateServer(ctx, { id: serverId, command: { ...change.command, args: [] }, acknowledged: ['not_probed'] })
  await setServerCredential(ctx, { input: { serverId, kind: 'bearer', secret: 'another' }, secretBox })
  const why = '@acme/packaged@1.3.0 is not on this machine and was not fetched again: The registry at'
  const owner = ownerFor('server', null)
  const ticket = sealTicket(stdioKey, { serverId, owner, environment: {} })
  const ask = () => fetch(url + stdioPath(serverId, owner.key), { headers: { authorization: `Bearer ${ticket}` } })
  await until(async () => (await (await ask()).text()).includes(why), 120_000)
})
