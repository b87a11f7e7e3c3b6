import type { AgentStatus, Environment, Sensitivity, Tier, ToolClass, ToolState } from '#lib/registry/schema.ts'
import type { ArgumentCondition, CallRate } from '#lib/registry/schema/conditions.ts'
import type { AgentLimits } from '../schema/agent-limits.ts'
import type { HoldRuleFacts } from '../schema/held-calls.ts'
import type { PolicySet } from './policy-set.ts'

/** In force or expired; revoked ones are no facts. */
export type GrantFacts = {
  readonly id: string
  readonly serverId: string
  readonly class: ToolClass
  /** Only this tool; null: every tool of the class and of the classes below it. */
  readonly toolName: string | null
  readonly via: string
  readonly expiresAt: Date | null
  /** What the arguments of a call must be for the grant to cover it; left out: anything. */
  readonly conditions?: readonly ArgumentCondition[]
  readonly rate?: CallRate | null
}

/** Facts are immutable: a change makes a new object, so whatever was concluded from one can be remembered with it. */
export type AgentFacts = Partial<Readonly<AgentLimits>> & {
  readonly id: string
  readonly name: string
  readonly teamId: string
  readonly tier: Tier
  readonly status: AgentStatus
  readonly statusReason: string | null
  readonly currentVersion: number
  /** The template of its current version. */
  readonly templateId?: string | null
  readonly grants: readonly GrantFacts[]
  /** Who issued each of its credentials that count, by the name of the client; null: not known. */
  readonly credentialIssuers?: Readonly<Record<string, string | null>>
  /** Who wrote its current version: whoever last changed its prompt, parameters or template; left out: not known. */
  readonly writerIds?: readonly string[]
  /** Its own limit of calls a second at all brokers together. */
  readonly callsPerSecond?: number | null
  /** Set while the agent has spent its budget of a month (YYYY-MM, UTC). */
  readonly overBudget?: OverBudget | null
}

export type OverBudget = { readonly month: string; readonly spentMicros: string; readonly budgetMicros: string }

export type ToolFacts = {
  readonly serverId: string
  readonly name: string
  readonly class: ToolClass
  readonly state: ToolState
  /**
   * Not a tool but a method of MCP. One that reads (`resources/read`) is granted with class read on the whole server, one by which the
   * server asks the agent, and tasks (`namedMethods`), only by a grant that names it; none by a grant of a tool.
   */
  readonly isMethod?: true
  /** What a call of it costs, in micro-dollars: its own price, or that of its server. No decision asks for it. */
  readonly listUnitPriceMicros?: string | null
}

export type ServerFacts = {
  readonly id: string
  readonly name: string
  readonly environment: Environment
  readonly sensitivity: Sensitivity
  readonly enabled: boolean
  /** Why it is disabled, where that was asked. */
  readonly statusReason?: string | null
  readonly demo: boolean
  /** Its own limit of calls a second from all brokers together. */
  readonly callsPerSecond?: number | null
  /** And of how long it has, and of the size and depth of its answers. */
  readonly callDeadlineSeconds?: number | null
  readonly resultBytesMax?: number | null
  readonly resultDepthMax?: number | null
  readonly tools: ReadonlyMap<string, ToolFacts>
}

export const runTriggers = ['manual', 'schedule', 'api', 'first_run'] as const
export type RunTrigger = (typeof runTriggers)[number]

export type RunFacts = {
  readonly id: string
  readonly agentId: string
  readonly agentVersion: number
  readonly simulated: boolean
  /** How it was started. */
  readonly trigger: RunTrigger
  /** Who asked for it or set it off to come; null: not known. */
  readonly startedById: string | null
  /** Who wrote the version that runs. */
  readonly writerIds: readonly string[]
}

export type StopFacts = {
  readonly id: string
  /** 'organization' | 'team' | 'server' | 'agent' | 'tool'; an unknown one stops everything. */
  readonly scope: string
  readonly targetId: string
  readonly orderedBy: string
  readonly reason: string
}

/** What every decision is made from: agents, servers, open runs and open stop orders as the registry has them. */
export type PolicyView = {
  readonly agents: ReadonlyMap<string, AgentFacts>
  readonly servers: ReadonlyMap<string, ServerFacts>
  /** Open runs only: one that is not here has ended or never was. */
  readonly runs: ReadonlyMap<string, RunFacts>
  readonly stops: readonly StopFacts[]
  /** Rules that hold calls for a person, in the order they are asked; the same array as long as none changes. */
  readonly holdRules?: readonly HoldRuleFacts[]
  /** Names of what was revoked, which callers have; left out: nothing. */
  readonly revoked?: ReadonlySet<string>
  readonly policies: PolicySet
  /** Judges in log-only: it decides nothing. */
  readonly candidate?: PolicySet | null
}

/** Who calls, as the verified token says. `runId` is null for a token of the agent's own credentials. */
export type Caller = {
  readonly agentId: string
  readonly version: number
  readonly runId: string | null
  /** The names under which the token, what it was issued for or what it was exchanged from is revoked; left out: there is no token. */
  readonly revocableAs?: readonly string[]
  /** The credential its token was issued for, with the key that is bound to; left out: there is no token. */
  readonly credential?: string
  /** Whom the client acts for, when an identity provider says so; left out: nobody. */
  readonly drivenBy?: Driver
}

/** A person for whom a client acts; null: somebody who never signed in here, by the subject under which they would. */
export type Driver = { readonly personId: string | null; readonly subject?: string }

export type ToolCall = {
  readonly caller: Caller
  readonly serverId: string
  /** The name of a tool, or with `isMethod` that of a method. */
  readonly tool: string
  readonly isMethod?: true
  /** What the tool is called with. Left out when it is only shown: then a grant covers it whatever the grant's conditions ask. */
  readonly arguments?: Readonly<Record<string, unknown>>
}
