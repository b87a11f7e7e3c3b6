import { expect } from 'vitest'
import { roles } from '#lib/auth/permissions.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { revokeGrant } from '#lib/scopes/commands.ts'
import { whyNotTakeBack } from './why-not.ts'

dbTest('a button takes a grant back for exactly those for whom the command does', async ({ db }) => {
  const teamId = await makeTeam(db)
  const serverId = await makeServer(db)
  const answered: string[] = []
  for (const role of roles) {
    for (const relation of ['team', 'accountable', 'neither'] as const) {
      const actor = await makePerson(db, { roles: [role], teamIds: relation === 'team' ? [teamId] : [] })
      const accountable = relation === 'accountable' ? actor : await makePerson(db)
      const { id } = await makeAgent(db, { ownerTeamId: teamId, accountablePersonId: accountable.id })
      const grantId = await makeGrant(db, { agentId: id, serverId })
      const offered = whyNotTakeBack(actor, { owner: { id: teamId, name: 'Its team' }, accountable })
      const done = await revokeGrant(ctxFor(db, actor), { grantId, reason: 'It is not needed.' }).then(
        () => null,
        (error: { code?: string }) => error.code,
      )
      expect(done, `${role}, ${relation}: ${offered}`).toBe(offered === null ? null : 'forbidden')
      if (offered === null) answered.push(`${role} ${relation}`)
    }
  }
  expect(answered).toEqual(
    expect.arrayContaining(['builder team', 'builder accountable', 'team_lead team', 'security neither']),
  )
  expect(answered).not.toContain('builder neither')
})
