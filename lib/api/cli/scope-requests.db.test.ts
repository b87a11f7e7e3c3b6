import { expect } from 'vitest'
import { commandLine } from '#lib/dev/test/command-line.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'

const why = ['--reason', 'to be tested']
const done = (out: string) => ({ code: 0, err: '', out: expect.stringContaining(out) })

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
