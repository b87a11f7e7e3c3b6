import type { Actor } from '#lib/auth/ctx.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { type Ownership, ownAs } from '#lib/registry/rules/past-owners.ts'
import type { Environment, ToolClass } from '#lib/registry/schema.ts'
import { behindCall, type CallOrigin } from './behind.ts'
import type { HoldBypassFacts, HoldBypassRefusal, HoldBypassRule } from '../schema/hold-bypasses.ts'
import type { HoldRuleFacts } from '../schema/held-calls.ts'
import type { AgentFacts, ServerFacts, ToolFacts } from './facts.ts'

/** What a bypass is asked about: a call of an agent, and who is behind it. */
export type BypassedCall = { server: ServerFacts; tool: ToolFacts; agent: AgentFacts } & CallOrigin

/** Why a bypass that is in force lets a call wait all the same: whoever opened it is behind the call, or it is not known who is. */
export type BypassAside = { bypass: HoldBypassFacts; why: 'own_call' | 'not_known' }

/**
 * What lets a call through that a rule would hold; never a destructive one on production, nor one of an agent that its opener answers for, nor one that its opener is
 * behind. Where it is not known who is, nothing lets it through.
 */
export function bypassOf(
  { bypasses }: HoldRuleFacts,
  call: BypassedCall,
  now: Date,
): { through: HoldBypassFacts | null; aside: BypassAside | null } {
  const inForce = isNeverBypassed(call.tool.class, call.server.environment)
    ? []
    : (bypasses ?? []).filter((bypass) => isInForce(bypass, now) && isFor(bypass, call.agent))
  const [first] = inForce
  if (!first) return { through: null, aside: null }
  const behind = behindCall(call)
  if (behind.includes(null)) return { through: null, aside: { bypass: first, why: 'not_known' } }
  const through = inForce.find(({ openedById }) => !behind.includes(openedById)) ?? null
  return { through, aside: through ? null : { bypass: first, why: 'own_call' } }
}

function isInForce({ expiresAt }: HoldBypassFacts, now: Date): boolean {
  return Date.parse(expiresAt) > now.getTime()
}

function isFor({ agentId, exceptTeamIds, exceptAgentIds }: HoldBypassFacts, agent: AgentFacts): boolean {
  if (agentId !== null && agentId !== agent.id) return false
  return !exceptTeamIds.includes(agent.teamId) && !exceptAgentIds.includes(agent.id)
}

export function isNeverBypassed(toolClass: ToolClass | null, environment: Environment | null): boolean {
  return toolClass === 'destructive' && environment === 'production'
}

/** What somebody wants to bypass. */
export type Bypassable = {
  rule: {
    title: string
    class: ToolClass | null
    environment: Environment | null
    server: { environment: Environment } | null
    tool: { class: ToolClass } | null
  }
  agent: (Ownership & { name: string }) | null
  /** Of this rule and for the same agents. */
  inForce: boolean
}

const ownRule = {
  accountable: 'approvals:bypass_own_agent',
  team: 'approvals:bypass_own_team',
} as const satisfies Record<string, HoldBypassRule>

/** Nobody lets through what agents of theirs or of their teams would wait with, also not those that were theirs a while ago; of two for the same there is one. */
export function decideBypass(
  { rule, agent, inForce }: Bypassable,
  person: Extract<Actor, { kind: 'person' }>,
): Result<null, HoldBypassRefusal> {
  const own = agent && ownAs(person, agent)
  if (own) return refuse(ownRule[own.by], `${own.words}, so somebody else bypasses for it.`)
  if (isNeverBypassed(rule.tool?.class ?? rule.class, rule.server?.environment ?? rule.environment)) {
    const message = 'The rule holds destructive calls on production only, and those always wait for a person.'
    return refuse('approvals:bypass_destructive', message)
  }
  if (inForce) return refuse('approvals:bypass_in_force', `“${rule.title}” is bypassed already.`)
  return ok(null)
}

function refuse(rule: HoldBypassRule, message: string): { ok: false; error: HoldBypassRefusal } {
  return err({ rule, message })
}
