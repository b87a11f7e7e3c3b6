import type { AgentStatus, Environment, Sensitivity, Tier, ToolClass, ToolState } from '../schema.ts'
import { Guardrails } from '../rules/guardrails.ts'

/** A grant that is not revoked. */
export type FleetGrant = {
  serverId: string
  class: ToolClass
  toolName: string | null
  breakGlass: boolean
  /** It says what arguments must be. */
  conditional: boolean
  /** Milliseconds since 1970; null: until revoked. */
  expiresAt: number | null
}

/** An agent as the catalog knows it: the registry entry, the current version's template and model, and 30 days of measurements. Times are milliseconds. */
export type FleetAgent = {
  id: string
  name: string
  purpose: string
  ownerTeamId: string
  personId: string
  tier: Tier
  status: AgentStatus
  version: number
  templateId: string
  templateVersion: string
  model: string
  schedule: string | null
  lastReviewedAt: number | null
  nextReviewAt: number | null
  createdAt: number
  demo: boolean
  runs: number
  escalatedRuns: number
  /** Micro-dollars. */
  cost: number
  unpriced: number
  /** The last UTC day with a run. */
  lastRunDay: number | null
  grants: FleetGrant[]
}

/** What is measured of an agent. */
export type FleetFigures = Pick<FleetAgent, 'runs' | 'escalatedRuns' | 'cost' | 'unpriced' | 'lastRunDay'>

export type FleetTool = { name: string; class: ToolClass; state: ToolState }
export type FleetServer = {
  id: string
  name: string
  environment: Environment
  sensitivity: Sensitivity
  /** Kinds of data behind it. */
  dataClasses: string[]
  demo: boolean
  active: boolean
  tools: FleetTool[]
}
export type FleetPerson = { id: string; name: string; email: string; active: boolean }
export type FleetStop = { scope: string; targetId: string; reason: string }

/** What agents refer to: few of each, so all are read again when one changes. */
export type FleetFacts = {
  teams: Map<string, { id: string; name: string }>
  servers: Map<string, FleetServer>
  people: Map<string, FleetPerson>
  /** The newest published version by template. */
  templates: Map<string, { name: string; latest: string | null }>
  /** What the enforced policies keep out of reach. */
  guardrails: Guardrails
}

export const noFacts: FleetFacts = {
  teams: new Map(),
  servers: new Map(),
  people: new Map(),
  templates: new Map(),
  guardrails: new Guardrails(null),
}
