import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { activateAgent, createAgent } from '#lib/lifecycle/commands.ts'
import type { CreateAgentDraft } from '#lib/lifecycle/schema.ts'
import { ctxFor, makePerson, makeTeam } from './fleet.ts'
import { makeServer, makeTemplate } from './registry.ts'

/** A team with a builder, a team lead and a template that pre-approves reading one server and asks for writing another. */
export async function makeWorkshop(db: Db) {
  const teamId = await makeTeam(db)
  const builder = await makePerson(db, { roles: ['builder'], teamIds: [teamId] })
  const lead = await makePerson(db, { roles: ['team_lead'], teamIds: [teamId] })
  const reads = await makeServer(db)
  const writes = await makeServer(db, { environment: 'production' })
  const scope = { required: true, reason: 'to do its work' }
  const template = await makeTemplate(db, {
    scopes: [
      { ...scope, server: reads, class: 'read', approval: 'auto' },
      { ...scope, server: writes, class: 'write', approval: 'request' },
    ],
  })
  const draft = (id: string, changes: Partial<CreateAgentDraft> = {}): CreateAgentDraft => ({
    id,
    name: `Agent ${id}`,
    purpose: 'to be tested',
    ownerTeamId: teamId,
    accountablePersonId: lead.id,
    tier: 'medium',
    templateId: template.id,
    ...changes,
  })
  return { teamId, builder, lead, reads, writes, template, draft }
}

/** An agent of such a team, created and, as the provisioning job would, activated. */
export async function makeActiveAgent(db: Db, now: Date) {
  const at = await makeWorkshop(db)
  const id = `agent-${crypto.randomUUID().slice(0, 8)}`
  await createAgent(ctxFor(db, at.builder, now), at.draft(id))
  await activateAgent(ctxFor(db, systemActor('worker'), now), id)
  return { ...at, id }
}
