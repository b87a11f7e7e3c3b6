import { tmpdir } from 'node:os'
import { expect, onTestFinished } from 'vitest'
import { permissions as allPermissions, roles } from '#lib/auth/permissions.ts'
import { parseCliConfig } from '#lib/config/cli.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { runProgram } from './program.ts'
import { recordedTerminal } from './testing/recorded-terminal.ts'

const why = ['--reason', 'to be tested']
const done = (out: string) => ({ code: 0, err: '', out: expect.stringContaining(out) })

/** The command line in this process, as somebody of this team who may do everything. */
async function commandLine(database: Parameters<typeof openApiPortal>[0], team: string) {
  const portal = await (await openApiPortal(database)).listen()
  onTestFinished(() => portal.close())
  const person = await makePerson(database.db, { roles, teamIds: [team] })
  const token = await makeToken(database.db, { personId: person.id, permissions: allPermissions })
  const config = parseCliConfig({ WHEELHOUSE_URL: portal.url, WHEELHOUSE_TOKEN: token, HOME: tmpdir() })
  return async (args: string[]) => {
    const { terminal, said } = recordedTerminal({ input: '' })
    process.exitCode = undefined
    const code = await runProgram({ config, terminal }, args)
    process.exitCode = undefined
    return { code, ...said }
  }
}

dbTest(
  'a request of several tools is made, changed, and everything that was typed is taken off again',
  async ({ database }) => {
    const { db } = database
    const team = await makeTeam(db)
    const wheelhouse = await commandLine(database, team)
    const { id } = await makeAgent(db, { ownerTeamId: team })
    const serverId = await makeServer(db)
    const limits = ['--where', '/amount between 0..10', '--rate', '5/hour', '--days', '7', '--ticket', 'FIN-7']
    const tools = ['--tool', 'look', '--tool', 'change']
    const asked = await wheelhouse(['scopes', 'request', id, serverId, 'write', ...tools, ...limits, ...why])
    expect(asked).toMatchObject(done('waits for approval'))
    const { id: requestId } = await db.scopeRequest.findFirstOrThrow({ where: { agentId: id } })
    expect(await wheelhouse(['scopes', 'list', '--agent', id])).toMatchObject(done('(look,change)'))
    const row = () => db.scopeRequest.findUniqueOrThrow({ where: { id: requestId } })
    const revise = async (...options: string[]) => await wheelhouse(['scopes', 'revise', requestId, ...options])
    expect(await revise('--tool', 'look', '--class', 'read')).toMatchObject(done('It waits again'))
    expect(await row()).toMatchObject({ toolNames: ['look'], ticket: 'FIN-7', days: 7, rateCalls: 5, class: 'read' })
    expect(await revise('--no-tool', '--no-ticket', '--no-days', '--no-where', '--no-rate')).toMatchObject({ code: 0 })
    const none = { toolNames: [], ticket: null, days: null, rateCalls: null, conditions: [], class: 'read' }
    expect(await row()).toMatchObject(none)
  },
)
