import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { secretBox } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'
import { startNpmRegistry } from '#lib/dev/test/npm-registry.ts'
import { packagedServer, words } from '#lib/dev/test/packaged-server.ts'
import { startCli } from '#lib/dev/test/run-cli.ts'
import { runServerProbe } from '#lib/registry/commands.ts'
import { runPackageFetch } from '#lib/registry/commands/package-fetch.ts'

const apiTest = dbTest.extend('portal', { scope: 'file' }, async ({ database }) => await openApiPortal(database))
const wanted = { name: '@acme/packaged', version: '1.2.0' }

// Each line starts a program of its own, and npm, which takes a while on a busy machine.
apiTest(
  'over the API and on the command line a package is fetched, and a server of it imported',
  { timeout: 600_000 },
  async ({ db, portal }) => {
    const home = await mkdtemp(join(tmpdir(), 'wheelhouse-cli-packages-'))
    const registry = await startNpmRegistry([words('1.0.0', 'Hello'), packagedServer('1.2.0'), packagedServer('1.3.0')])
    const server = await portal.listen()
    onTestFinished(async () => {
      await server.close()
      await registry.close()
      await rm(home, { recursive: true, force: true })
    })
    const person = await makePerson(db, { roles: ['security'] })
    const token = await makeToken(db, { personId: person.id, permissions: ['servers:read', 'servers:manage'] })
    const store = { folder: join(home, 'packages'), registry: `${registry.url}/` }
    /** The worker's part, for the next package that somebody asks for. */
    const fetchNext = async () => {
      const next = async () => await db.fetchedPackage.findFirst({ where: { finishedAt: null } })
      await until(async () => (await next()) !== null, 60_000)
      const { id: packageId } = (await next())!
      await runPackageFetch({ db, actor: systemActor('worker'), now: new Date() }, { packageId, store })
    }
    /** The same of a look; nothing runs programs here. */
    const probeNext = async () => {
      const next = async () => await db.serverProbe.findFirst({ where: { finishedAt: null } })
      await until(async () => (await next()) !== null, 120_000)
      const { id: probeId } = (await next())!
      const nobody = () => Promise.reject(new Error('No OAuth client is tried here.'))
      const parts = { secretBox, allowLinkLocal: false, programs: null, clientToken: nobody, namedIssuer: nobody }
      await runServerProbe({ db, actor: systemActor('worker'), now: new Date() }, { probeId, ...parts })
    }
    const run = async (args: string[], input?: string) => {
      const env = { WHEELHOUSE_URL: server.url, WHEELHOUSE_TOKEN: token }
      return await startCli(['servers', ...args], { home, env, ...(input ? { input } : {}) }).ended
    }

    const path = '/api/v1/servers/packages'
    const asked = await portal.fetch(path, { token, method: 'POST', body: wanted })
    const { packageId } = (await asked.json()) as { packageId: string }
    const read = async () => await (await portal.fetch(`${path}/${packageId}`, { token })).json()
    expect(await read()).toMatchObject({ ...wanted, finishedAt: null, progress: null, package: null, problem: null })
    await fetchNext()
    expect(await read()).toMatchObject({
      package: { ...wanted, integrity: expect.stringMatching(/^sha512-/) },
      facts: { programs: ['packaged', 'other'], packages: 2 },
      progress: null,
    })
    const range = await portal.fetch(path, { token, method: 'POST', body: { ...wanted, version: '^1.2.0' } })
    expect(range.status).toBe(422)
    expect(await range.json()).toMatchObject({ detail: expect.stringContaining('exact version') })

    const [fetched] = await Promise.all([run(['fetch', '@acme/packaged@1.2.0']), fetchNext()])
    expect(fetched).toMatchObject({ code: 0, out: expect.stringMatching(/@acme\/packaged@1\.2\.0[^]*sha512-/) })
    const [missing] = await Promise.all([run(['fetch', '@acme/packaged@9.0.0']), fetchNext()])
    expect(missing.code).not.toBe(0)
    expect(missing.err).toContain('(version: unknown_version)')

    const file = {
      name: 'io.github.acme/cli-packaged',
      description: 'Greets.',
      version: '1.2.0',
      packages: [
        {
          registryType: 'npm',
          identifier: wanted.name,
          version: wanted.version,
          transport: { type: 'stdio' },
          packageArguments: [{ type: 'named', name: '--tone', isRequired: true }],
        },
      ],
    }
    const where = [
      '--environment',
      'staging',
      '--sensitivity',
      'internal',
      '--accept',
      'not_probed',
      '--value',
      '--tone=kind',
    ]
    const [imported] = await Promise.all([run(['import', '-', ...where], JSON.stringify(file)), fetchNext()])
    expect(imported).toMatchObject({ code: 0, out: expect.stringContaining('cli-packaged is registered') })
    const row = await db.mcpServer.findUniqueOrThrow({ where: { id: 'cli-packaged' } })
    expect(row.command).toMatchObject({ command: 'packaged', args: ['--tone=kind'], package: wanted })

    const move = async (...more: string[]) => {
      const [moved] = await Promise.all([run(['move', 'cli-packaged', '1.3.0', ...more]), fetchNext().then(probeNext)])
      return { ...moved, version: await versionOf() }
    }
    const versionOf = async () => {
      const { command } = await db.mcpServer.findUniqueOrThrow({ where: { id: 'cli-packaged' } })
      return (command as { package: { version: string } }).package.version
    }
    const shown = await move('--dry-run')
    expect(shown).toMatchObject({ code: 0, version: '1.2.0', out: expect.stringContaining('@acme/packaged@1.3.0') })
    expect(shown.out).toContain('accept as does_not_start')
    const open = await move()
    expect(open).toMatchObject({ version: '1.2.0', err: expect.stringContaining('does_not_start') })
    expect(await move('--accept', 'does_not_start')).toMatchObject({ code: 0, version: '1.3.0' })
  },
)
