import { expect } from 'vitest'
import type { Permission, Role } from '#lib/auth/permissions.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { decideHeldCall, holdCall } from './commands.ts'
import { getHeldCall, listHeldCalls } from './queries/held-calls.ts'

const now = new Date('2026-11-22T10:00:00Z')
const secret = 'IBAN DE00 1234'

dbTest(
  'what a held call is made with is for those who could decide, the team of the agent and who reads the audit log; others see names',
  async ({ db }) => {
    const { id: agentId, teamId } = await makeAgent(db)
    const serverId = await makeServer(db)
    const call = {
      ...exactCall({ agentId, serverId }),
      arguments: { account: secret },
      inputResponses: { name: { action: 'accept', content: { word: secret } } },
    }
    const rule = { id: null, title: 'Changes wait', deciderRoles: ['team_lead', 'platform_admin'] }
    const terms = { excludedDeciders: [], decideSeconds: 60, onTimeout: 'deny' } as const
    const input = { source: 'broker', class: 'write', call, rule: { ...rule, ...terms } } as const
    const { heldCallId } = await holdCall(ctxFor(db, undefined, now), input)
    const other = await makeTeam(db)
    const person = async (role: Role, teamIds: string[] = []) =>
      ctxFor(db, await makePerson(db, { roles: [role], teamIds }), now)
    // With an access token that may do no more than this.
    const withToken = async (role: Role, permissions: Permission[]) =>
      ctxFor(db, { ...(await makePerson(db, { roles: [role] })), permissions: new Set(permissions) }, now)
    const sees = [
      await person('builder', [teamId]),
      await person('team_lead', [teamId]),
      await person('finance'),
      await withToken('platform_admin', ['runs:read', 'calls:decide', 'agents:any_team']),
    ]
    const sealed = [
      await person('builder'),
      await person('builder', [other]),
      // The role, but not for agents of this team.
      await withToken('team_lead', ['runs:read', 'calls:decide']),
      // And a token by which nobody decides.
      await withToken('platform_admin', ['runs:read', 'agents:any_team']),
    ]
    const shown = async (reader: (typeof sees)[number]) => {
      const { items } = await listHeldCalls(reader, { agentId })
      const one = await getHeldCall(reader, heldCallId)
      expect(items).toEqual([one])
      return one
    }
    for (const reader of sees) {
      const { arguments: given, inputResponses } = call
      expect(await shown(reader)).toMatchObject({ arguments: given, inputResponses, withheld: null })
    }
    for (const reader of sealed) {
      const view = await shown(reader)
      expect(view).toMatchObject({
        arguments: null,
        inputResponses: null,
        withheld: {
          argumentNames: ['account'],
          inputResponseNames: ['name'],
          editedArgumentNames: null,
          message: expect.stringMatching(/^Values are shown to those who may decide .*Team .*audit log/),
        },
      })
      expect(JSON.stringify(view)).not.toContain(secret)
    }
    const edit = { heldCallId, decision: 'edit', arguments: { account: `${secret} 5` } } as const
    expect(await decideHeldCall(sees[1]!, edit)).toMatchObject({ ok: true })
    expect(await shown(sees[0]!)).toMatchObject({ editedArguments: edit.arguments })
    const after = await shown(sealed[0]!)
    expect(after).toMatchObject({ editedArguments: null, withheld: { editedArgumentNames: ['account'] } })
    expect(JSON.stringify(after)).not.toContain(secret)
  },
)
