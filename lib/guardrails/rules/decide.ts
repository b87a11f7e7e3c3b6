import { err, ok, type Result } from '#lib/core/result.ts'
import { covers } from '#lib/registry/rules.ts'
import { budgetDenial } from './budget.ts'
import { candidateVerdict } from './candidate.ts'
import { conditionDenial, fittingGrants, isConditional } from './conditions.ts'
import type { Denial, RuleId } from '../schema.ts'
import { namesCovering } from './coverage.ts'
import type { AgentFacts, Caller, GrantFacts, PolicyView, RunFacts, ServerFacts, ToolCall, ToolFacts } from './facts.ts'
import { policyQuestion, type PolicyQuestion, type PolicySet } from './policy-set.ts'
import { type Judged, refusedByPolicies } from './situation.ts'
import { stopFor } from './stops.ts'

export const revokedText = 'The token, or the credential it was issued for, was revoked.'

export type AllowedCaller = { readonly agent: AgentFacts; readonly run: RunFacts | null }
export type Allowed = AllowedCaller & {
  readonly server: ServerFacts
  readonly tool: ToolFacts
  /** The grant the call is made under: the first without a rate, else the first. */
  readonly grant: GrantFacts
  /** Every grant it could be made under. */
  readonly grants: readonly GrantFacts[]
  /** What the central policies permitted. */
  readonly judged: Judged
}

/** Who may speak to the broker at all; the first part of `decide`. */
export function decideCaller(caller: Caller, view: PolicyView): Result<AllowedCaller, Denial> {
  const agent = view.agents.get(caller.agentId)
  const stop = stopFor(view.stops, { agentId: caller.agentId, teamId: agent?.teamId ?? null })
  if (stop) return denied('killed', stopText(stop))
  if (view.revoked && view.revoked.size > 0 && isRevoked(caller, view.revoked))
    return denied('token_revoked', revokedText)
  if (!agent) return denied('agent_unknown', `No agent ${caller.agentId} is registered.`)
  if (agent.status !== 'active') {
    return denied(
      'agent_not_active',
      `${agent.id} is ${agent.status}${agent.statusReason ? `: ${agent.statusReason}` : '.'}`,
    )
  }
  if (caller.runId === null) {
    if (caller.version === agent.currentVersion) return ok({ agent, run: null })
    return denied(
      'version_mismatch',
      `The token is for version ${caller.version}; version ${agent.currentVersion} is current.`,
    )
  }
  const run = view.runs.get(caller.runId)
  if (!run || run.agentId !== agent.id)
    return denied('run_not_open', `The run ${caller.runId} is not an open run of ${agent.id}.`)
  if (run.agentVersion !== caller.version) {
    return denied(
      'version_mismatch',
      `The token is for version ${caller.version}; the run is of version ${run.agentVersion}.`,
    )
  }
  return ok({ agent, run })
}

/**
 * The one decision about a tool, for showing it and for calling it: what is listed can be called, and the other way round. The order is
 * the policy and the first refusal wins: stopped, who calls, the server, the tool, the grant (held, in force, its conditions on the
 * arguments), the central policies, the month's budget. Rates and holds come after it, at the broker, for they are about one call.
 */
export function decide(call: ToolCall, view: PolicyView, now: Date): Result<Allowed, Denial> {
  const caller = decideCaller(call.caller, view)
  if (!caller.ok) return caller
  const { agent, run } = caller.value
  const { serverId } = call
  const stop = stopFor(view.stops, { agentId: agent.id, teamId: agent.teamId, serverId, tool: call.tool })
  if (stop) return denied('killed', stopText(stop))
  const server = view.servers.get(serverId)
  if (!server) return denied('server_unknown', `No server ${serverId} is registered.`)
  if (!server.enabled) {
    const { statusReason } = server
    return denied('server_disabled', `The server ${serverId} is disabled${statusReason ? `: ${statusReason}` : '.'}`)
  }
  const tool = call.isMethod ? methodFacts(server, call.tool) : server.tools.get(call.tool)
  if (!tool) return denied('tool_unknown', `The server ${serverId} has no tool ${call.tool}.`)
  if (tool.state === 'removed') return denied('tool_removed', `The server ${serverId} no longer offers ${tool.name}.`)
  if (tool.state !== 'approved') return denied('tool_quarantined', `${serverId}/${tool.name} waits for its review.`)
  const covering = coveringGrants(agent, tool)
  if (covering.length === 0) {
    return denied('grant_missing', `${agent.id} holds no ${tool.class} grant on ${serverId} that covers ${tool.name}.`)
  }
  const inForce = covering.every((grant) => grant.expiresAt === null)
    ? covering
    : covering.filter((grant) => grant.expiresAt === null || grant.expiresAt > now)
  if (inForce.length === 0)
    return denied(
      'grant_expired',
      `The grant of ${agent.id} for ${serverId}/${tool.name} expired at ${latestExpiry(covering)}.`,
    )
  // Shown, a tool needs no fitting arguments yet: with some it can be called.
  const grants = call.arguments === undefined ? inForce : fittingGrants(inForce, call.arguments)
  if (grants.length === 0) return err(conditionDenial(inForce, call, call.arguments))
  const { policies } = view
  const question = policyQuestion({ agent, server, tool, grants, run, now })
  const rule = policies.judge(question)
  const candidate = candidateVerdict(view.candidate, question, rule)
  const judged: Judged = { question, version: policies.version, at: now, candidate }
  if (rule) return err(refusedByPolicies(policyDenial(rule, policies, question), judged))
  const budget = budgetDenial(agent, now)
  if (budget) return err(budget)
  return ok({ agent, run, server, tool, grant: grantFor(grants), grants, judged })
}

/** Also of a caller whose call or stream is under way: what the token or its credential began ends with it. */
export function isRevoked({ revocableAs }: Pick<Caller, 'revocableAs'>, revoked: ReadonlySet<string>): boolean {
  return revocableAs !== undefined && revocableAs.some((name) => revoked.has(name))
}

/** The grant that a call is made under, of those that cover it: the first without a rate, else the first. */
export function grantFor(grants: readonly GrantFacts[]): GrantFacts {
  return grants.find(isUnrated) ?? grants[0]!
}

function isUnrated(grant: GrantFacts): boolean {
  return !grant.rate
}

const methods = new WeakMap<ServerFacts, Map<string, ToolFacts>>()

/** A method that reads as something to decide about: like a tool of class read that everybody knows. */
function methodFacts(server: ServerFacts, name: string): ToolFacts {
  let ofServer = methods.get(server)
  if (!ofServer) methods.set(server, (ofServer = new Map()))
  let facts = ofServer.get(name)
  if (!facts) {
    ofServer.set(name, (facts = { serverId: server.id, name, class: 'read', state: 'approved', isMethod: true }))
  }
  return facts
}

const covering = new WeakMap<AgentFacts, WeakMap<ToolFacts, readonly GrantFacts[]>>()

/** Which of the agent's grants cover the tool, expired ones too. Depends on immutable facts only, so it is worked out once. */
function coveringGrants(agent: AgentFacts, tool: ToolFacts): readonly GrantFacts[] {
  let ofAgent = covering.get(agent)
  if (!ofAgent) covering.set(agent, (ofAgent = new WeakMap()))
  let grants = ofAgent.get(tool)
  if (!grants) {
    const names = namesCovering(tool)
    grants = agent.grants.filter(
      (grant) =>
        grant.serverId === tool.serverId &&
        // A method has no arguments that conditions speak of.
        (!tool.isMethod || !isConditional(grant)) &&
        names.includes(grant.toolName) &&
        covers(grant.class, tool.class),
    )
    ofAgent.set(tool, grants)
  }
  return grants
}

function latestExpiry(grants: readonly GrantFacts[]): string {
  return new Date(Math.max(...grants.map((grant) => grant.expiresAt?.getTime() ?? 0))).toISOString()
}

function stopText(stop: { orderedBy: string; reason: string }): string {
  return `A stop order by ${stop.orderedBy} is in force: ${stop.reason}`
}

function policyDenial(rule: RuleId, policies: PolicySet, { agent, tool }: PolicyQuestion): Denial {
  const message = policies.problem
    ? 'The central policies cannot judge now.'
    : `The central policy refuses ${tool.serverId}/${tool.name} (${tool.class}) to ${agent.id}.`
  const words = policies.wordsOf(rule)
  return words ? { rule, message, words } : { rule, message }
}

function denied(rule: RuleId, message: string): Result<never, Denial> {
  return err({ rule, message })
}
