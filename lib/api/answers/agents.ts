import { z } from 'zod'
import type { AgentLimits } from '#lib/guardrails/schema/agent-limits.ts'
import type { AgentCallRate } from '#lib/guardrails/schema/call-rates.ts'
import type { AgentPreview, BulkEligibility, BulkOutcome, ManifestPlan } from '#lib/lifecycle/schema.ts'
import {
  type AccessGrant,
  type AgentList,
  agentLayer,
  type AgentRow,
  agentStatuses,
  type AgentVersionRow,
  type AgentVersionView,
  type AgentView,
  type CreationLog,
  creationSteps,
  creationStepStates,
  inheritedGuardrails,
  tiers,
} from '#lib/registry/schema.ts'
import { argumentConditions, callRate } from '#lib/registry/schema/conditions.ts'
import { versionOrigin } from './unregistered.ts'
import {
  answerOf,
  count,
  environment,
  facts,
  micros,
  person,
  rate,
  reference,
  sensitivity,
  text,
  time,
  toolClass,
} from './words.ts'
import { queryHint } from './catalog.ts'

export const agentStatus = z.enum(agentStatuses)
export const tier = z.enum(tiers)

export const scopeChip = z.strictObject({
  serverId: text,
  environment,
  class: toolClass,
  toolName: text.nullable(),
  expiresAt: time.nullable(),
})

const agentShape = {
  id: text,
  name: text,
  purpose: text,
  owner: reference,
  accountable: person,
  tier,
  status: agentStatus,
  version: z.int(),
  template: z.strictObject({ id: text, version: text, latest: text.nullable() }),
  scopes: z.array(scopeChip),
  model: text,
  schedule: text.nullable(),
  lastReviewedAt: time.nullable(),
  nextReviewAt: time.nullable(),
  createdAt: time,
  demo: z.boolean(),
  monthlyRuns: count,
  cost30dMicros: micros,
  unpricedRequests: count,
  escalationRate: rate.nullable(),
  lastRunDay: time.nullable(),
}
const agentRow = answerOf<AgentRow>()(z.strictObject(agentShape)).meta({ id: 'AgentRow' })

export const agentList = answerOf<AgentList>()(
  z.strictObject({
    items: z.array(agentRow),
    total: count,
    nextCursor: text.nullable(),
    prevCursor: text.nullable(),
    hints: z.array(queryHint),
  }),
)

const grantShape = {
  id: text,
  serverId: text,
  serverName: text,
  environment,
  sensitivity,
  class: toolClass,
  toolName: text.nullable(),
  conditions: argumentConditions,
  rate: callRate.nullable(),
  reason: text,
  via: text,
  requestId: text.nullable(),
  createdAt: time,
  expiresAt: time.nullable(),
  tools: z.array(text),
  unreached: z.array(z.strictObject({ why: text, tools: z.array(text) })),
}
export const accessGrantShape = grantShape
export const accessGrant = answerOf<AccessGrant>()(z.strictObject(grantShape)).meta({ id: 'AccessGrant' })

const versionShape = {
  version: z.int(),
  templateId: text,
  templateVersion: text,
  digest: text,
  createdAt: time,
  createdBy: person.nullable(),
  claude: z.strictObject({ agentId: text, version: z.int(), boundAt: time }).nullable(),
}
export const agentVersionRow = answerOf<AgentVersionRow>()(z.strictObject(versionShape)).meta({ id: 'AgentVersionRow' })
export const agentVersion = answerOf<AgentVersionView>()(
  z.strictObject({ ...versionShape, layer: agentLayer, rendered: facts, origin: versionOrigin.nullable() }),
).meta({ id: 'AgentVersion' })

export const agent = answerOf<AgentView>()(
  z.strictObject({
    ...agentShape,
    statusReason: text.nullable(),
    statusChangedAt: time,
    scheduleEnabled: z.boolean(),
    monthlyBudgetMicros: micros.nullable(),
    createdBy: person.nullable(),
    updatedAt: time,
    guardrails: z.literal(inheritedGuardrails),
    access: z.array(accessGrant),
    layer: agentLayer,
    versions: z.array(agentVersionRow),
    pendingScopeRequests: count,
  }),
).meta({ id: 'Agent' })

export const creationLog = answerOf<CreationLog>()(
  z.strictObject({
    agentId: text,
    status: agentStatus,
    firstRunId: text.nullable(),
    elapsedMs: z.number().nullable(),
    steps: z.array(
      z.strictObject({
        step: z.enum(creationSteps),
        state: z.enum(creationStepStates),
        detail: text.nullable(),
        attempts: count,
        startedAt: time.nullable(),
        finishedAt: time.nullable(),
      }),
    ),
  }),
).meta({ id: 'CreationLog' })

const previewScope = z.strictObject({
  serverId: text,
  serverName: text,
  environment,
  class: toolClass,
  toolNames: z.array(text),
  days: z.int().nullable(),
  tools: z.array(text),
  because: text,
})

export const agentPreview = answerOf<AgentPreview>()(
  z.strictObject({
    problems: z.array(z.strictObject({ field: text, message: text, rule: text.optional() })),
    agent: z.strictObject({
      id: text,
      name: text,
      purpose: text,
      ownerTeamId: text,
      accountablePersonId: text,
      tier: text,
    }),
    version: z
      .strictObject({
        templateId: text,
        templateVersion: text,
        digest: text,
        model: text,
        system: text,
        rendered: facts,
      })
      .nullable(),
    grants: z.array(previewScope),
    requests: z.array(previewScope),
    schedule: z.strictObject({ cron: text, nextRuns: z.array(time) }).nullable(),
    guardrails: text,
    steps: z.array(z.strictObject({ step: z.enum(creationSteps), label: text })),
    yaml: text,
  }),
).meta({ id: 'AgentPreview' })

export const manifestPlan = answerOf<ManifestPlan>()(
  z.strictObject({
    applied: z.boolean(),
    changes: z.array(
      z.strictObject({
        id: text,
        line: z.int(),
        action: z.enum(['create', 'change', 'none', 'prune', 'would_prune']),
        changes: z.array(text),
        fields: z.array(z.strictObject({ field: text, before: text.nullable(), after: text.nullable() })),
      }),
    ),
    problems: z.array(z.strictObject({ line: z.int(), column: z.int(), id: text.nullable(), message: text })),
    digest: text.meta({ description: 'Names what would change; applying with ?plan= does exactly that, or nothing' }),
  }),
).meta({ id: 'ManifestPlan' })

const refused = z.array(z.strictObject({ agentId: text, message: text }))
export const bulkEligibility = answerOf<BulkEligibility>()(
  z.strictObject({ move: z.enum(['suspend', 'resume']), eligible: z.array(text), refused }),
).meta({ id: 'BulkEligibility' })
export const bulkOutcome = answerOf<BulkOutcome>()(z.strictObject({ moved: z.array(text), refused })).meta({
  id: 'BulkOutcome',
})

export const agentCallRate = answerOf<AgentCallRate>()(z.strictObject({ callsPerSecond: z.number().nullable() })).meta({
  id: 'AgentCallRate',
})

const ownLimit = z.int().nullable()
export const agentLimits = answerOf<AgentLimits>()(
  z.strictObject({
    requestBytesMax: ownLimit,
    requestDepthMax: ownLimit,
    callDeadlineSeconds: ownLimit,
    resultBytesMax: ownLimit,
    resultDepthMax: ownLimit,
  }),
).meta({ id: 'AgentLimits' })
