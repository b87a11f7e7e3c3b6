import { z } from 'zod'
import { argumentConditions, callRate } from '#lib/registry/schema/conditions.ts'
import { agentSlug } from '#lib/core/slug.ts'
import {
  agentLayer,
  type AgentStatus,
  type CreationStepName,
  type Environment,
  oneLine,
  type Tier,
  tiers,
  type ToolClass,
  toolClasses,
} from '#lib/registry/schema.ts'
import { timeText } from '#lib/core/instant.ts'
import { classOrTools, requestScopeInput, saysClassOrTools } from '#lib/scopes/schema.ts'

/** Micro-dollars as the contract says them: digits, and no other spelling of a number; below a thousand million dollars, so that amounts fit everywhere. */
const budgetMicros = z.preprocess(
  wholeNumber,
  z
    .bigint('Give whole micro-dollars, as digits.')
    .nonnegative()
    .max(999_999_999_999_999n, 'Use less than 1,000,000,000 dollars.'),
)

function wholeNumber(given: unknown): unknown {
  if (typeof given === 'string' && /^-?\d+$/.test(given)) return BigInt(given)
  return typeof given === 'number' && Number.isSafeInteger(given) ? BigInt(given) : given
}

/** A scope asked for while creating an agent: pre-approved by the template's scoping policy it becomes a grant, else a request. */
export const scopeWish = z
  .strictObject({
    serverId: z.string().max(100),
    /** Of tools that are named it is the widest that one of them needs. */
    class: z.enum(toolClasses).optional(),
    toolNames: requestScopeInput.shape.toolNames,
    /** null: until revoked. */
    days: z.int().min(1).max(365).nullable().default(null),
    /** An exact end instead of a number of days, as imports have it. */
    until: timeText().optional(),
    reason: oneLine(1000).default(''),
    /** Where the need is written down: a number or a link. */
    ticket: oneLine(300).optional(),
    conditions: argumentConditions.optional(),
    rate: callRate.nullable().optional(),
  })
  .refine(saysClassOrTools, classOrTools)
export type ScopeWish = z.infer<typeof scopeWish>
/** With the class that it needs. */
export type ClassedWish = ScopeWish & { class: ToolClass }

export const createAgentInput = z.strictObject({
  id: agentSlug,
  name: oneLine(100).min(1, 'Give it a name.'),
  purpose: oneLine(500).min(1, 'Say what it is for.'),
  ownerTeamId: z.string().min(1, 'Every agent has an owner team.').max(100),
  accountablePersonId: z.uuid('Every agent has an accountable person.'),
  tier: z.enum(tiers),
  templateId: z.string().min(1, 'Pick a template.').max(100),
  /** Left out: the newest published version. */
  templateVersion: oneLine(50).min(1, 'Name a version, or leave it out.').optional(),
  layer: agentLayer.default({ prompt: '', parameters: {} }),
  /** Five cron fields in UTC, or null: only started by hand. */
  schedule: oneLine(100).nullable().default(null),
  /** Calendar-month budget in micro-dollars as a decimal number or string; null: the organization's default. */
  monthlyBudgetMicros: budgetMicros.nullable().default(null),
  scopes: z.array(scopeWish).max(50).default([]),
  /** Whether a first run starts when it is ready. */
  firstRun: z.boolean().default(false),
})
export type CreateAgentInput = z.infer<typeof createAgentInput>
export type CreateAgentDraft = z.input<typeof createAgentInput>

/** The team's part of what is adopted: with the prompt left out, what it was told at Claude goes on. */
export const adoptedLayer = agentLayer.partial()

/** Registers what was found unregistered: the same as creating. */
export const adoptUnregisteredInput = createAgentInput.extend({
  unregisteredId: z.uuid(),
  layer: adoptedLayer.optional(),
})
export type AdoptUnregisteredInput = z.input<typeof adoptUnregisteredInput>

/** Something that stops creation: `field` is the input's path (`schedule`, `scopes.1.serverId`). */
export type Problem = { field: string; message: string; rule?: string }

/** Everything `createAgent` would create, for the wizard's last step and `wheelhouse agents create --dry-run`. */
export type AgentPreview = {
  problems: Problem[]
  agent: { id: string; name: string; purpose: string; ownerTeamId: string; accountablePersonId: string; tier: string }
  /** null when the template is unknown. */
  version: {
    templateId: string
    templateVersion: string
    digest: string
    model: string
    system: string
    rendered: Record<string, unknown>
  } | null
  grants: PreviewScope[]
  requests: PreviewScope[]
  schedule: { cron: string; nextRuns: string[] } | null
  guardrails: string
  steps: { step: CreationStepName; label: string }[]
  /** The registry entry as YAML; '' when there is no version to show. */
  yaml: string
}
export type PreviewScope = {
  serverId: string
  serverName: string
  environment: Environment
  class: ToolClass
  /** Empty: every tool of the class. */
  toolNames: string[]
  days: number | null
  /** Names of the approved tools it reaches. */
  tools: string[]
  /** Why it is pre-approved or has to be asked for. */
  because: string
}

export const changeAgentLogicInput = z.strictObject({
  agentId: z.string(),
  layer: agentLayer,
  /** Left out: stays on the template version it has. */
  templateVersion: oneLine(50).min(1, 'Name a version, or leave it out.').optional(),
  /** The version the edit started from: somebody else's newer one is not overwritten. */
  expectedVersion: z.int().positive().optional(),
})
export type ChangeAgentLogicInput = z.infer<typeof changeAgentLogicInput>

export const updateAgentInput = z.strictObject({
  agentId: z.string(),
  name: createAgentInput.shape.name.optional(),
  purpose: createAgentInput.shape.purpose.optional(),
  ownerTeamId: createAgentInput.shape.ownerTeamId.optional(),
  accountablePersonId: createAgentInput.shape.accountablePersonId.optional(),
  tier: createAgentInput.shape.tier.optional(),
  monthlyBudgetMicros: budgetMicros.nullable().optional(),
})
export type UpdateAgentInput = z.infer<typeof updateAgentInput>

const reason = oneLine(1000).min(1, 'Say why: the owner and the audit log keep it.')
export const moveAgentInput = z.strictObject({ agentId: z.string(), reason })
export type MoveAgentInput = z.infer<typeof moveAgentInput>

export const takeOverInput = z.strictObject({
  agentId: z.string(),
  /** Who answers for it from now on. */
  accountablePersonId: z.uuid('Name somebody who can sign in.'),
  reason: oneLine(1000).optional(),
})
export type TakeOverInput = z.infer<typeof takeOverInput>

/** An agent nobody answers for. */
export type OrphanView = {
  agent: { id: string; name: string; tier: Tier; status: AgentStatus }
  owner: { id: string; name: string }
  /** Who answered for it. */
  person: { id: string; name: string }
  /** 'admin', 'groups', 'unseen', or 'unknown' when nobody wrote it down. */
  because: string
  since: string
  /** The end of its grace; null: the worker has not seen it yet. */
  suspendAt: string | null
  suspendedAt: string | null
}

export const orphanQuery = z.strictObject({
  /** Only those of teams one may act for. */
  mine: z.boolean().default(false),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z.string().max(300).optional(),
})
export type OrphanQuery = z.input<typeof orphanQuery>
export type OrphanList = { items: OrphanView[]; total: number; nextCursor: string | null }

/** What can be done with several agents at once. */
const bulkMove = z.enum(['suspend', 'resume'])
export type BulkMove = z.infer<typeof bulkMove>
const agentIds = z.array(z.string().min(1).max(100)).min(1).max(500, 'Choose at most 500 agents at a time.')
export const bulkEligibilityInput = z.strictObject({ agentIds, move: bulkMove })
export type BulkEligibilityInput = z.infer<typeof bulkEligibilityInput>
export const moveAgentsInput = bulkEligibilityInput.extend({ reason })
export type MoveAgentsInput = z.infer<typeof moveAgentsInput>
/** Of several agents those that a move fits and the person may make, and why not the others. */
export type BulkEligibility = { move: BulkMove; eligible: string[]; refused: BulkRefusal[] }
export type BulkOutcome = { moved: string[]; refused: BulkRefusal[] }
type BulkRefusal = { agentId: string; message: string }

export const setScheduleInput = z.strictObject({
  agentId: z.string(),
  schedule: createAgentInput.shape.schedule,
  enabled: z.boolean().default(true),
})
export type SetScheduleInput = z.infer<typeof setScheduleInput>

export const markReviewedInput = z.strictObject({ agentId: z.string() })
export type MarkReviewedInput = z.infer<typeof markReviewedInput>

/** A move the state does not allow. */
export type MoveRefusal = { rule: string; message: string; status: AgentStatus }

/** One document's part of the plan. */
export type ManifestChange = {
  id: string
  /** Of its document; 0 when there is none. */
  line: number
  /** `would_prune`: its set has created it and does not hold it any more, but nobody asked to prune. */
  action: 'create' | 'change' | 'none' | 'prune' | 'would_prune'
  /** Words for people: `purpose: "a" → "b"`, `grant erp read`. */
  changes: string[]
  /** What differs, field by field. */
  fields: { field: string; before: string | null; after: string | null }[]
}
export type ManifestProblem = { line: number; column: number; id: string | null; message: string }

/** What applying did, or with `dryRun` would do. With problems nothing is applied. */
export type ManifestPlan = {
  applied: boolean
  changes: ManifestChange[]
  problems: ManifestProblem[]
  /** Names what would change: applying with it does exactly that, or nothing. */
  digest: string
}

/** How manifests are applied. */
export type ApplyManifestOptions = {
  dryRun?: boolean | undefined
  /** A label of the files as a whole; what applying them creates is remembered under it. */
  set?: string | undefined
  /** Retires what the set has created and does not hold any more. */
  prune?: boolean | undefined
  /** The digest of a plan: refused when something else would change. */
  plan?: string | undefined
}
