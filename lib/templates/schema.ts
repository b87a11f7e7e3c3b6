// Views are JSON as they are: times are ISO 8601 in UTC, money is micro-dollars (in manifests a whole number).
import { z } from 'zod'
import { slug } from '#lib/core/slug.ts'
import { toolClasses } from '#lib/registry/schema.ts'

/** The built-in tools of a sandbox profile, by the names the model sees. */
export const builtInTools = ['bash', 'read', 'write', 'edit', 'glob', 'grep'] as const

const text = z.string().trim().min(1)
const line = text.max(200).regex(/^[^\r\n]*$/, 'Use a single line.')
export const semver = z.string().regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/, 'Use a version such as 1.4.0.')

// Manifest ----------------------------------------------------------------------------------------------------------------

const parameterCommon = { title: line, description: line }

/** What a team may set, and within which bounds: the useful part of JSON Schema, so that a form and a check follow from it. */
export const parameterDefinition = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('string'),
    ...parameterCommon,
    default: z.string(),
    enum: z.array(z.string().min(1)).min(1).optional(),
    maxLength: z.int().positive().max(2000).default(200),
  }),
  z.strictObject({
    type: z.enum(['number', 'integer']),
    ...parameterCommon,
    default: z.number(),
    minimum: z.number(),
    maximum: z.number(),
  }),
  z.strictObject({ type: z.literal('boolean'), ...parameterCommon, default: z.boolean() }),
])
export type ParameterDefinition = z.infer<typeof parameterDefinition>
export type ParameterValue = string | number | boolean

/** Caps of one sandbox; the sandbox service refuses a profile that its driver cannot enforce. */
export const sandboxLimits = z.strictObject({
  memoryMb: z.int().min(64).max(8192),
  cpus: z.number().min(0.1).max(8),
  processes: z.int().min(8).max(4096),
  diskMb: z.int().min(16).max(16_384),
  commandSeconds: z.int().min(1).max(3600),
})
export type SandboxLimits = z.infer<typeof sandboxLimits>

/** A scope of the scoping policy. `auto`: granted at creation without asking; `request`: a person decides. */
export const templateScope = z.strictObject({
  server: slug,
  class: z.enum(toolClasses),
  required: z.boolean(),
  approval: z.enum(['auto', 'request']),
  reason: line,
})
export type TemplateScope = z.infer<typeof templateScope>

/** `template.yaml`. Strict: an unknown key is a mistake, not a comment. */
export const templateManifest = z
  .strictObject({
    id: slug,
    version: semver,
    name: line,
    summary: line,
    description: text.max(2000),
    model: z.strictObject({ tier: z.enum(['economy', 'standard', 'deep']), id: line }),
    parameters: z.record(
      z.string().regex(/^[a-z][a-z0-9_]{0,49}$/, 'Use lower-case letters, digits and underscores.'),
      parameterDefinition,
    ),
    sandbox: z.strictObject({
      tools: z.array(z.enum(builtInTools)),
      network: z.literal('none'),
      limits: sandboxLimits,
    }),
    harness: z.strictObject({
      turnsMax: z.int().min(1).max(500),
      deadlineMinutes: z
        .int()
        .min(1)
        .max(24 * 60),
      /** Ceiling of one run, in micro-dollars. */
      runBudgetMicros: z.int().min(10_000),
    }),
    scopes: z.array(templateScope).min(1),
    firstRun: z.strictObject({ input: text.max(2000) }),
    suggestedSchedule: z.string().max(100).nullable(),
  })
  .superRefine((manifest, context) => {
    for (const [name, definition] of Object.entries(manifest.parameters)) {
      const problem = parameterProblem(definition, definition.default)
      if (problem) context.addIssue({ code: 'custom', path: ['parameters', name, 'default'], message: problem })
    }
    const seen = new Set<string>()
    for (const [index, scope] of manifest.scopes.entries()) {
      const key = `${scope.server}:${scope.class}`
      if (seen.has(key))
        context.addIssue({ code: 'custom', path: ['scopes', index], message: `${key} is listed twice.` })
      seen.add(key)
      if (scope.approval === 'auto' && scope.class !== 'read')
        context.addIssue({
          code: 'custom',
          path: ['scopes', index, 'approval'],
          message: 'Only read may be pre-approved.',
        })
    }
  })
export type TemplateManifest = z.infer<typeof templateManifest>

/** What is wrong with a value for a parameter, in words for the person who typed it; null: nothing. */
export function parameterProblem(definition: ParameterDefinition, value: ParameterValue): string | null {
  if (definition.type === 'boolean') return typeof value === 'boolean' ? null : 'must be yes or no (true or false).'
  if (definition.type === 'string') {
    if (typeof value !== 'string') return 'must be a text.'
    if (/[\r\n]/.test(value)) return 'must be a single line.'
    if (value.length > definition.maxLength) return `must have at most ${definition.maxLength} characters.`
    if (!definition.enum || definition.enum.includes(value)) return null
    return `must be one of: ${definition.enum.join(', ')}.`
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'must be a number.'
  if (definition.type === 'integer' && !Number.isInteger(value)) return 'must be a whole number.'
  if (value < definition.minimum) return `must be at least ${definition.minimum}.`
  return value > definition.maximum ? `must be at most ${definition.maximum}.` : null
}

/** `evals.yaml`: examples of what a run must have done. */
export const templateEvals = z.array(
  z.strictObject({
    id: slug,
    name: line,
    input: text.max(2000),
    parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
    expect: z
      .array(
        z.discriminatedUnion('kind', [
          z.strictObject({ kind: z.literal('calls_tool'), tool: line }),
          z.strictObject({ kind: z.literal('never_calls_tool'), tool: line }),
          z.strictObject({
            kind: z.literal('escalates'),
            escalation: z.enum(['finding', 'decision', 'urgent', 'blocked']),
            atLeast: z.int().min(1).default(1),
          }),
          z.strictObject({ kind: z.literal('never_escalates') }),
          z.strictObject({ kind: z.literal('says'), text: line }),
          z.strictObject({ kind: z.literal('ends_with'), stopReason: line }),
        ]),
      )
      .min(1),
  }),
)
export type TemplateEvals = z.infer<typeof templateEvals>

// The escalate tool ---------------------------------------------------------------------------------------------------------

/** Every agent has it: how an agent brings something to a person. Answered by the harness, never by the model's own servers. */
export const escalateToolName = 'escalate'
export const escalateInput = z.strictObject({
  kind: z
    .enum(['finding', 'decision', 'urgent', 'blocked'])
    .describe(
      'finding: someone should look at it; decision: someone has to choose; urgent: now; blocked: I cannot go on.',
    ),
  title: z.string().min(3).max(200).describe('One line a busy person understands.'),
  summary: z.string().min(3).max(4000).describe('What was found, the figures, and what you suggest.'),
  severity: z.enum(['low', 'medium', 'high']),
  category: z.string().max(60).optional().describe('For grouping, for example amount_mismatch.'),
  subject: z.string().max(200).optional().describe('The id of the thing it is about, for example INV-10042.'),
})
export type EscalateInput = z.infer<typeof escalateInput>

// What an agent version renders to -------------------------------------------------------------------------------------------

const policy = z.strictObject({ type: z.enum(['always_allow', 'always_ask']) })

/** The toolsets and tools of a rendered version; each is accepted as it is by the Managed Agents API. */
export const renderedTool = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('agent_toolset_20260401'),
    default_config: z.strictObject({ enabled: z.boolean(), permission_policy: policy }),
    configs: z.array(z.strictObject({ name: z.enum(builtInTools), enabled: z.boolean(), permission_policy: policy })),
  }),
  z.strictObject({
    type: z.literal('mcp_toolset'),
    mcp_server_name: z.string(),
    default_config: z.strictObject({ enabled: z.boolean(), permission_policy: policy }),
  }),
  z.strictObject({
    type: z.literal('custom'),
    name: z.string(),
    description: z.string(),
    input_schema: z.looseObject({ type: z.literal('object') }),
  }),
])
export type RenderedTool = z.infer<typeof renderedTool>

/** `AgentVersion.rendered`: all that an agent's behaviour and limits follow from, and nothing of the installation it runs on. */
export const renderedAgent = z.strictObject({
  system: z.string(),
  model: z.string(),
  tools: z.array(renderedTool),
  /** `path` is below the broker's address, which is added when the version is bound at Claude. */
  mcpServers: z.array(z.strictObject({ name: z.string(), path: z.string() })),
  limits: z.strictObject({
    turnsMax: z.int(),
    deadlineMinutes: z.int(),
    runBudgetMicros: z.int(),
    sandbox: sandboxLimits,
  }),
})
export type RenderedAgent = z.infer<typeof renderedAgent>

// Views ----------------------------------------------------------------------------------------------------------------------

export type TemplateRow = {
  id: string
  name: string
  summary: string
  /** The newest published version. */
  version: string
  publishedAt: string
  model: TemplateManifest['model']
  scopes: TemplateScope[]
  suggestedSchedule: string | null
  /** Agents that are not retired and run a version of it, and those of them that do not run the newest. */
  agents: number
  agentsBehind: number
}

export type TemplateVersionRow = { version: string; digest: string; publishedAt: string; agents: number }

/** One version in full, with the list of all versions, newest first. */
export type TemplateView = {
  id: string
  version: string
  digest: string
  publishedAt: string
  manifest: TemplateManifest
  prompt: string
  changelog: string
  evals: TemplateEvals
  versions: TemplateVersionRow[]
}

/** What publishing did. A version whose text changed under the same number is refused; the others are published all the same. */
export type SyncOutcome = {
  published: { id: string; version: string }[]
  unchanged: { id: string; version: string }[]
  refused: { id: string; version: string; rule: 'templates:published_is_final'; message: string }[]
}

// Simulation -----------------------------------------------------------------------------------------------------------------

/** One block of a conversation, as the Messages API carries it. Only the fields a simulation reads are named. */
export type SimulationBlock =
  | { type: 'text'; text: string }
  | { type: 'tool_use'; id: string; name: string; input: unknown }
  | {
      type: 'tool_result'
      tool_use_id: string
      content?: string | readonly { type: string; text?: string }[]
      is_error?: boolean
    }
  | { type: string }

export type SimulationMessage = { role: string; content: string | readonly SimulationBlock[] }

/** What the scripted model sees of one Messages API request: nothing but what the real model would see. */
export type SimulationConversation = {
  system: string
  messages: readonly SimulationMessage[]
  tools: readonly { name: string; description?: string | undefined }[]
}

/** The next assistant turn. A turn without tool calls ends the run. */
export type SimulatedTurn = {
  text?: string
  toolCalls?: { name: string; input: Record<string, unknown> }[]
}

/**
 * The script of the simulated model of one template, exported as `simulation` by `templates/<id>/simulation.ts`.
 * It is a pure function of the conversation, so a run can be continued after a crash and nothing is prepared in advance.
 */
export type Simulation = { next(conversation: SimulationConversation): SimulatedTurn }
