import type { Actor } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { plural } from '#lib/core/count.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { type Ownership, ownAs } from '#lib/registry/rules/past-owners.ts'
import type { Environment, ToolClass } from '#lib/registry/schema.ts'
import { behindCall, type CallOrigin } from './behind.ts'
import {
  bypassMinutesMax,
  type HoldBypassFacts,
  type HoldBypassRefusal,
  type HoldBypassRule,
} from '../schema/hold-bypasses.ts'
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

/** When a bypass is or was open. */
export type OpenedBypass = { openedAt: Date; endsAt: Date }

const ownRule = {
  accountable: 'approvals:bypass_own_agent',
  team: 'approvals:bypass_own_team',
} as const satisfies Record<string, HoldBypassRule>

/**
 * Nobody lets through what agents of theirs or of their teams would wait with, also not those that were theirs a while ago; of two for the same there is one. To end a rule
 * takes two people, so nobody alone keeps one out of force: theirs last no longer in all within a day than one that is opened at once.
 */
export function decideBypass(
  { rule, agent, inForce }: Bypassable,
  person: Extract<Actor, { kind: 'person' }>,
  /** `own`: what the person had bypassed of the rule before, for whichever agents. */
  wanted: { minutes: number; now: Date; own: readonly OpenedBypass[] },
): Result<null, HoldBypassRefusal> {
  const own = agent && ownAs(person, agent)
  if (own) return refuse(ownRule[own.by], `${own.words}, so somebody else bypasses for it.`)
  if (isNeverBypassed(rule.tool?.class ?? rule.class, rule.server?.environment ?? rule.environment)) {
    const message = 'The rule holds destructive calls on production only, and those always wait for a person.'
    return refuse('approvals:bypass_destructive', message)
  }
  if (inForce) return refuse('approvals:bypass_in_force', `“${rule.title}” is bypassed already.`)
  const left = minutesLeft(wanted)
  if (left === wanted.minutes) return ok(null)
  const others = rolesWith('holds:bypass').map(roleLabel).join(', ')
  const message = `One person bypasses “${rule.title}” for ${bypassMinutesMax} minutes in all within a day, so ${plural(left, 'minute')} ${left === 1 ? 'is' : 'are'} left. Let somebody else decide whether it goes on (${others}), or propose its end.`
  return refuse('approvals:bypass_used_up', message)
}

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

/** Of the minutes that are wanted from now on, so many that those of no day are more than one bypass may have. At the same time two count once. */
function minutesLeft({ minutes, now, own }: { minutes: number; now: Date; own: readonly OpenedBypass[] }): number {
  const from = now.getTime()
  for (let left = minutes; left > 0; left -= 1) {
    const until = from + left * minuteMs
    const times = [...own.map(timeOf), [from, until] as const]
    // Later days were looked at when what reaches into them was opened.
    if (openMs(times, [until - dayMs, until]) <= bypassMinutesMax * minuteMs) return left
  }
  return 0
}

type Span = readonly [from: number, until: number]

function timeOf({ openedAt, endsAt }: OpenedBypass): Span {
  return [openedAt.getTime(), endsAt.getTime()]
}

/** How long at least one was open within a time. */
function openMs(times: readonly Span[], [from, until]: Span): number {
  let sum = 0
  let seen = from
  for (const [opened, ended] of times.toSorted(([a], [b]) => a - b)) {
    const end = Math.min(ended, until)
    sum += Math.max(0, end - Math.max(opened, seen))
    seen = Math.max(seen, end)
  }
  return sum
}

function refuse(rule: HoldBypassRule, message: string): { ok: false; error: HoldBypassRefusal } {
  return err({ rule, message })
}
