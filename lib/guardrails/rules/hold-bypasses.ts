import type { Actor } from '#lib/auth/ctx.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { type Ownership, ownAs } from '#lib/registry/rules/past-owners.ts'
import type { Environment, ToolClass } from '#lib/registry/schema.ts'
import type { HoldBypassFacts, HoldBypassRefusal, HoldBypassRule } from '../schema/hold-bypasses.ts'
import type { HoldRuleFacts } from '../schema/held-calls.ts'
import type { AgentFacts, ServerFacts, ToolFacts } from './facts.ts'

/** What lets a call through that a rule would hold; never a destructive one on production, nor one of an agent that its opener answers for. */
export function bypassOf(
  { bypasses }: HoldRuleFacts,
  { agent, server, tool }: { agent: AgentFacts; server: ServerFacts; tool: ToolFacts },
  now: Date,
): HoldBypassFacts | null {
  if (!bypasses || bypasses.length === 0 || isNeverBypassed(tool.class, server.environment)) return null
  return bypasses.find((bypass) => isInForce(bypass, now) && isFor(bypass, agent)) ?? null
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
