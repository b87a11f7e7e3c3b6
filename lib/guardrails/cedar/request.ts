import type { Context, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import { toolClasses } from '#lib/registry/schema.ts'
import { covers } from '#lib/registry/rules.ts'
import { namesCovering } from '../rules/coverage.ts'
import type { GrantFacts } from '../rules/facts.ts'
import type { PolicyQuestion } from '../rules/policy-set.ts'

/** A question as Cedar is asked it, for seeing the tool and for calling it alike. */
export type CedarRequest = {
  principal: TypeAndId
  resource: TypeAndId
  context: Context
  entities: EntityJson[]
}

/** Policies see what a run is like, not which it is. */
const sessionId = uid('Session', 'session')

/** The facts of a question as Cedar takes them (policies/schema.cedarschema). Pure: what is recorded of a call can be asked again. */
export function cedarRequest(question: PolicyQuestion): CedarRequest {
  const { agent, server, tool, session, clock, grants } = question
  const agentId = uid('Agent', agent.id)
  const toolId = uid('Tool', `${tool.serverId}/${tool.name}`)
  const serverId = uid('Server', server.id)
  const parents = [uid('Team', agent.teamId), ...accessHeld(grants).map((id) => uid('Access', id))]
  if (agent.templateId) parents.push(uid('Template', agent.templateId))
  const openTo = accessesOf(tool).map((id) => ({ __entity: uid('Access', id) }))
  const entities: EntityJson[] = [
    { uid: agentId, attrs: { tier: agent.tier }, parents },
    {
      uid: serverId,
      attrs: { environment: server.environment, sensitivity: server.sensitivity, demo: server.demo },
      parents: [],
    },
    {
      uid: toolId,
      attrs: { server: { __entity: serverId }, class: tool.class, openTo },
      parents: [serverId],
    },
  ]
  const context: Context = {
    simulated: question.simulated,
    breakGlass: question.breakGlass,
    hour: clock.hour,
    weekday: clock.weekday,
  }
  if (session) {
    const { agentVersion, startedBy } = session
    entities.push({ uid: sessionId, attrs: { simulated: question.simulated, agentVersion, startedBy }, parents: [] })
    context['session'] = { __entity: sessionId }
  }
  return { principal: agentId, resource: toolId, context, entities }
}

/** What is held, by the names policies can give it. */
export function accessHeld(grants: PolicyQuestion['grants']): string[] {
  return grants.map(accessId)
}

/** Everything that can be granted and covers the tool. */
function accessesOf(tool: PolicyQuestion['tool']): string[] {
  return toolClasses.flatMap((granted) =>
    covers(granted, tool.class)
      ? namesCovering(tool).map((toolName) => accessId({ serverId: tool.serverId, class: granted, toolName }))
      : [],
  )
}

function accessId(grant: Pick<GrantFacts, 'serverId' | 'class' | 'toolName'>): string {
  return grant.toolName === null
    ? `${grant.serverId}:${grant.class}`
    : `${grant.serverId}:${grant.class}:${grant.toolName}`
}

function uid(type: string, id: string): TypeAndId {
  return { type: `Wheelhouse::${type}`, id }
}
