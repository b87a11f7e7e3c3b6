import { rolesWith } from '#lib/auth/permissions.ts'
import type { Rule, RuleWords } from '../schema.ts'
import type { AgentLimitName, AgentLimits } from '../schema/agent-limits.ts'
import type { ExplainedFacts } from '../schema/explanation.ts'
import type { BrokerLimits, RequestLimits } from './request-limits.ts'

export const limitOwners = ['agent', 'server', 'platform'] as const
/** Whose limit it is that binds. */
export type LimitOwner = (typeof limitOwners)[number]
export type BindingLimit = { readonly limit: number; readonly limitOf: LimitOwner }

type Own = number | null | undefined
type AgentOwn = Partial<Readonly<AgentLimits>>

/** The lowest of the limits that bind, and whose it is. Of equal ones it is that of the platform, then that of the server: to raise the other would change nothing. */
export function bindingLimit(platform: number, { server, agent }: { server?: Own; agent?: Own }): BindingLimit {
  let binding: BindingLimit = { limit: platform, limitOf: 'platform' }
  if (typeof server === 'number' && server < binding.limit) binding = { limit: server, limitOf: 'server' }
  if (typeof agent === 'number' && agent < binding.limit) binding = { limit: agent, limitOf: 'agent' }
  return binding
}

/** The longest a server may be given by its own limit. */
export const callDeadlineMsMax = 600_000

/** How long a server has for a call of an agent: as long as it is given, else as long as any other, and no longer than the agent may wait. */
export function bindingDeadline(
  { callDeadlineMs }: Pick<BrokerLimits, 'callDeadlineMs'>,
  { server, agent }: { server?: Own; agent?: Own },
): BindingLimit {
  const given: BindingLimit =
    typeof server === 'number'
      ? { limit: Math.min(server * 1000, callDeadlineMsMax), limitOf: 'server' }
      : { limit: callDeadlineMs, limitOf: 'platform' }
  return typeof agent === 'number' && agent * 1000 < given.limit ? { limit: agent * 1000, limitOf: 'agent' } : given
}

/** What an agent may send in a request: mostly what any other may. */
export function requestLimitsFor(limits: RequestLimits, agent: AgentOwn | undefined): RequestLimits {
  if (typeof agent?.requestBytesMax !== 'number' && typeof agent?.requestDepthMax !== 'number') return limits
  const bytes = bindingLimit(limits.requestBytesMax, { agent: agent.requestBytesMax })
  const depth = bindingLimit(limits.requestDepthMax, { agent: agent.requestDepthMax })
  return {
    requestBytesMax: bytes.limit,
    requestDepthMax: depth.limit,
    bytesOf: bytes.limitOf,
    depthOf: depth.limitOf,
  }
}

/** What a refusal says of the limit: its name as in `PATCH /agents/{id}/limits`, its value, and whose it is. */
export function limitFacts(
  limitName: AgentLimitName | 'callsPerSecond',
  { limit, limitOf }: BindingLimit,
): { limitName: string; limit: number; limitOf: LimitOwner } {
  return { limitName, limit, limitOf }
}

/** Behind a number in a sentence. */
export const limitWords = {
  agent: ', the limit of this agent',
  server: ', the limit of this server',
  platform: '',
} as const satisfies Record<LimitOwner, string>

const keepers = {
  agent: {
    setBy: 'Whoever set this limit of the agent',
    changedBy: {
      roles: rolesWith('agents:suspend'),
      how: 'Change the limits of the agent on its Scopes tab, with a reason; team leads for agents of their own teams.',
    },
  },
  server: {
    setBy: 'Whoever set this limit of the server',
    changedBy: {
      roles: rolesWith('servers:manage'),
      how: 'Change the limits of the server on its page; a looser one takes a second person.',
    },
  },
} as const satisfies Record<Exclude<LimitOwner, 'platform'>, Pick<Rule, 'setBy' | 'changedBy'>>

const remedies: Readonly<Record<string, (whose: string) => string>> = {
  upstream_deadline: (whose) => `Ask for less at once, or have the limit of this ${whose} raised.`,
}

/** The entry of a rule as the limit makes it that refused: who set that, and who can change it. */
export function withLimitOwner<Words extends RuleWords>(
  rule: string,
  words: Words,
  { limitOf }: ExplainedFacts = {},
): Words {
  if (limitOf !== 'agent' && limitOf !== 'server') return words
  return { ...words, ...keepers[limitOf], remedy: remedies[rule]?.(limitOf) ?? words.remedy }
}
