import { covers } from '#lib/registry/rules.ts'
import type { Denial } from '../schema.ts'
import type { ExplainedFacts } from '../schema/explanation.ts'
import { namesCovering } from './coverage.ts'
import type { AgentFacts, GrantFacts, PolicyView, ServerFacts, ToolCall, ToolFacts } from './facts.ts'
import { stopFor } from './stops.ts'

/**
 * The facts that mattered to a refusal, beside those it names itself: for the agent that was refused, for the audit log and for whoever asks later. Worked out for
 * refused calls only. Nothing of the arguments is in them but what the refusal says itself.
 */
export function factsOfDenial(denial: Denial, call: ToolCall, view: PolicyView, now: Date): ExplainedFacts {
  const agent = view.agents.get(call.caller.agentId)
  const server = view.servers.get(call.serverId)
  const tool = server?.tools.get(call.tool)
  return { ...about(denial.rule, { agent, server, tool, call, view, now }), ...denial.facts }
}

type About = {
  agent: AgentFacts | undefined
  server: ServerFacts | undefined
  tool: ToolFacts | undefined
  call: ToolCall
  view: PolicyView
  now: Date
}

function about(rule: string, { agent, server, tool, call, view, now }: About): ExplainedFacts {
  if (rule.startsWith('policy_')) return policyFacts({ agent, server, tool, call, view, now })
  switch (rule) {
    case 'killed':
      return stopFacts({ agent, call, view })
    case 'agent_not_active':
      return agent ? { status: agent.status } : {}
    case 'version_mismatch':
      return { version: call.caller.version, currentVersion: agent?.currentVersion ?? null }
    case 'run_not_open':
      return { run: call.caller.runId }
    case 'tool_quarantined':
    case 'tool_removed':
      return tool ? { toolClass: tool.class, toolState: tool.state } : {}
    case 'grant_missing':
      return { toolClass: tool?.class ?? null, ...nearest(agent?.grants ?? [], call.serverId) }
    case 'grant_expired': {
      const last = agent && tool ? lastExpired(agent.grants, tool, now) : undefined
      return last ? { grant: last.id, expiredAt: last.expiresAt?.toISOString() ?? null } : {}
    }
    default:
      return {}
  }
}

function stopFacts({ agent, call, view }: Pick<About, 'agent' | 'call' | 'view'>): ExplainedFacts {
  const target = { agentId: call.caller.agentId, teamId: agent?.teamId ?? null }
  const stop =
    stopFor(view.stops, target) ?? stopFor(view.stops, { ...target, serverId: call.serverId, tool: call.tool })
  if (!stop) return {}
  return { stop: stop.id, scope: stop.scope, target: stop.targetId, orderedBy: stop.orderedBy }
}

function policyFacts({ agent, server, tool, call, view, now }: About): ExplainedFacts {
  const breakGlass =
    agent?.grants.some(
      (grant) =>
        grant.via === 'break_glass' &&
        grant.serverId === call.serverId &&
        (grant.expiresAt === null || grant.expiresAt > now),
    ) ?? false
  return {
    tier: agent?.tier ?? null,
    toolClass: tool?.class ?? null,
    environment: server?.environment ?? null,
    sensitivity: server?.sensitivity ?? null,
    demoServer: server?.demo ?? null,
    simulatedModel: (call.caller.runId !== null && view.runs.get(call.caller.runId)?.simulated) || false,
    breakGlass,
    policyVersion: view.policies.version,
  }
}

/** How near the agent is to what it lacks: the classes it holds on the server. */
function nearest(grants: readonly GrantFacts[], serverId: string): ExplainedFacts {
  const held = grants.filter((grant) => grant.serverId === serverId)
  return { grantsOnServer: held.length, classesHeld: [...new Set(held.map((grant) => grant.class))].join(', ') || null }
}

function lastExpired(grants: readonly GrantFacts[], tool: ToolFacts, now: Date): GrantFacts | undefined {
  const names = namesCovering(tool)
  return grants
    .filter(
      (grant) =>
        grant.serverId === tool.serverId &&
        names.includes(grant.toolName) &&
        covers(grant.class, tool.class) &&
        grant.expiresAt !== null &&
        grant.expiresAt <= now,
    )
    .toSorted((one, other) => Number(other.expiresAt) - Number(one.expiresAt))[0]
}
