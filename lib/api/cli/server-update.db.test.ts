import { tmpdir } from 'node:os'
import { expect } from 'vitest'
import { permissions as allPermissions, type Role } from '#lib/auth/permissions.ts'
import { parseCliConfig } from '#lib/config/cli.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { runProgram } from './program.ts'
import { recordedTerminal } from './testing/recorded-terminal.ts'

type Update = (args: string[]) => Promise<{ code: number; out: string; err: string }>

/** `servers update` in this process, as somebody with this role. */
const test = dbTest.extend(
  'updateAs',
  { scope: 'file' },
  async ({ database, db }, { onCleanup }): Promise<(role: Role) => Promise<Update>> => {
    const portal = await (await openApiPortal(database)).listen()
    onCleanup(() => portal.close())
    return async (role) => {
      const person = await makePerson(db, { roles: [role] })
      const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
      const config = parseCliConfig({ WHEELHOUSE_URL: portal.url, WHEELHOUSE_TOKEN: token, HOME: tmpdir() })
      return async (args) => {
        const { terminal, said } = recordedTerminal({ input: '' })
        process.exitCode = undefined
        const code = await runProgram({ config, terminal }, ['servers', 'update', ...args])
        process.exitCode = undefined
        return { code, ...said }
      }
    }
  },
)

const has = (text: string) => expect.stringContaining(text) as string

test('what is named is changed and nothing else; what is lower waits', async ({ updateAs, db }) => {
  const update = await updateAs('security')
  const id = await makeServer(db, { environment: 'production' })
  const server = () => db.mcpServer.findUniqueOrThrow({ where: { id } })
  const before = await server()
  expect(await update([id, '--environment', 'staging', '--about', 'Orders.'])).toMatchObject({
    code: 0,
    out: has('it counts when somebody else confirms it'),
  })
  expect(await server()).toMatchObject({ environment: 'production', description: 'Orders.', name: before.name })
  expect(await update([id, '--name', 'Orders', '--sensitivity', 'restricted'])).toMatchObject({ code: 0 })
  expect(await server()).toMatchObject({ name: 'Orders', sensitivity: 'restricted', url: before.url })
  // What waits is of another fact, so it waits on.
  expect(await db.loosening.findMany({ where: { serverId: id, endedAt: null } })).toMatchObject([{ after: 'staging' }])
  expect(await update([id, '--environment', 'production'])).toMatchObject({ code: 0, out: has('staging ends') })
  expect(await db.loosening.count({ where: { serverId: id, endedAt: null } })).toBe(0)
})

test('another address says first what it costs, is accepted by name, and drops the credentials', async ({
  updateAs,
  db,
}) => {
  const update = await updateAs('platform_admin')
  const id = await makeServer(db)
  const sealed = { ciphertext: new Uint8Array([1]), keyId: 'test' }
  await db.upstreamCredential.create({ data: { serverId: id, kind: 'bearer', ...sealed } })
  const to = [id, '--address', 'https://elsewhere.example.test/mcp']
  const removed = has('The credential of the server is removed')
  expect(await update([...to, '--dry-run'])).toMatchObject({ code: 0, out: removed })
  expect(await update(to)).toMatchObject({ code: 1, err: has('not_probed') })
  expect(await auditOf(db, id)).toEqual([])
  expect(await update([...to, '--accept', 'not_probed'])).toMatchObject({ code: 0, out: removed })
  expect(await db.upstreamCredential.count({ where: { serverId: id } })).toBe(0)
  expect(await update([id, '--address', 'ftp://elsewhere.example.test'])).toMatchObject({ code: 1, err: has('url') })
})

test('a program is changed in part: what is not named stays', async ({ updateAs, db }) => {
  const update = await updateAs('security')
  const command = { command: 'files', args: ['--root', '/a'], env: ['FILES_TOKEN'] }
  const id = await makeServer(db, { transport: 'stdio', url: '', command })
  const started = async () => (await db.mcpServer.findUniqueOrThrow({ where: { id } })).command
  const accept = ['--accept', 'not_probed']
  expect(await update([id, ...accept, '--', 'files', '--root', '/b'])).toMatchObject({ code: 0 })
  expect(await started()).toEqual({ ...command, args: ['--root', '/b'] })
  expect(await update([id, '--env', 'OTHER_TOKEN', ...accept])).toMatchObject({ code: 0 })
  expect(await started()).toEqual({ ...command, args: ['--root', '/b'], env: ['OTHER_TOKEN'] })
})

test('nothing named, an unknown word, a program of an address and a role that may not are refused', async ({
  updateAs,
  db,
}) => {
  const id = await makeServer(db)
  const update = await updateAs('security')
  expect(await update([id])).toMatchObject({ code: 2, err: has('Say what to change') })
  expect(await update([id, '--environment', 'moon'])).toMatchObject({ code: 2, err: has('staging') })
  expect(await update([id, '--', 'node', 'server.mjs'])).toMatchObject({ code: 2, err: has('no program') })
  const builder = await updateAs('builder')
  expect(await builder([id, '--name', 'Mine'])).toMatchObject({ code: 1, err: has('servers:manage') })
  expect(await auditOf(db, id)).toEqual([])
})
