import '#lib/core/input-words.ts'
import { z } from 'zod'
import { slugify } from '#lib/core/slug.ts'
import { createAgentInput, type CreateAgentDraft, type ScopeWish } from '#lib/lifecycle/schema.ts'
import { capabilityOf } from '#lib/registry/schema/capabilities.ts'
import { type LimitsDraft, limitsDraft, readLimits } from '#components/scopes/limits-fields.client.tsx'
import { readToolNames } from '#components/scopes/tool-names-field.tsx'
import { conditionWords } from '#lib/registry/schema/condition-words.ts'
import { type ServerRow, type TeamRow, type Tier, tiers, toolClasses } from '#lib/registry/schema.ts'
import type { TemplateManifest } from '#lib/templates/schema.ts'

/** What the wizard offers, read once on the server. */
export type Choices = {
  templates: { id: string; version: string; agents: number; manifest: TemplateManifest }[]
  /** Teams the person may create agents for. */
  teams: Pick<TeamRow, 'id' | 'name' | 'costCenter'>[]
  people: { id: string; name: string; email: string; teamIds: string[] }[]
  /** `readingAsks`: by the agent's tier the rule of the approval policy that asks a person for reading there, whatever a template pre-approves. */
  servers: (Pick<ServerRow, 'id' | 'name' | 'environment' | 'sensitivity'> & {
    readingAsks: Record<Tier, string | null>
  })[]
  personId: string
}

const scopeDraft = z.strictObject({
  /** Tells rows apart while they are edited. */
  key: z.int(),
  /** By the person, beside those of the template. */
  added: z.boolean(),
  serverId: z.string(),
  class: z.enum(toolClasses),
  /** Names of tools, one a line, or what is granted besides tools; empty: every tool of the class. */
  toolName: z.string(),
  limits: z.strictObject({
    conditions: z.array(
      z.strictObject({ key: z.int(), pointer: z.string(), word: z.enum(conditionWords), value: z.string() }),
    ),
    rate: z.string(),
  }),
  reason: z.string(),
  ticket: z.string(),
  days: z.string(),
})
export type ScopeDraft = z.infer<typeof scopeDraft>

/** The one draft of the wizard: exactly what is on the screen; it becomes an input when asked for a preview. */
export const draftSchema = z.strictObject({
  templateId: z.string(),
  name: z.string(),
  /** null: follows the name. */
  id: z.string().nullable(),
  purpose: z.string(),
  ownerTeamId: z.string(),
  accountablePersonId: z.string(),
  tier: z.enum(tiers),
  budget: z.string(),
  prompt: z.string(),
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  schedule: z.string(),
  scopes: z.array(scopeDraft),
  firstRun: z.boolean(),
})
export type Draft = z.infer<typeof draftSchema>

export const steps = [
  { key: 'template', label: 'Template' },
  { key: 'about', label: 'About' },
  { key: 'logic', label: 'Logic' },
  { key: 'scopes', label: 'Scopes' },
  { key: 'preview', label: 'Preview' },
] as const
export type StepKey = (typeof steps)[number]['key']

/** How far one has come: the first step with a problem, or the last. */
export function reachable(draft: Draft): number {
  const at = steps.findIndex(({ key }) => Object.keys(problemsOf(draft, key)).length > 0)
  return at === -1 ? steps.length - 1 : at
}

export function emptyDraft(choices: Choices): Draft {
  return {
    templateId: '',
    name: '',
    id: null,
    purpose: '',
    ownerTeamId: choices.teams.length === 1 ? choices.teams[0]!.id : '',
    accountablePersonId: choices.personId,
    tier: 'low',
    budget: '',
    prompt: '',
    parameters: {},
    schedule: '',
    scopes: [],
    firstRun: true,
  }
}

/** Picking a template brings its defaults: parameters and the scopes it cannot do without. What the person added stays. */
export function withTemplate(draft: Draft, manifest: TemplateManifest): Draft {
  if (draft.templateId === manifest.id) return draft
  return {
    ...draft,
    templateId: manifest.id,
    parameters: Object.fromEntries(
      Object.entries(manifest.parameters).map(([name, { default: value }]) => [name, value]),
    ),
    scopes: manifest.scopes
      .filter((scope) => scope.required)
      .reduce<ScopeDraft[]>(
        (scopes, { server, class: toolClass, reason }) =>
          addScope(scopes, { serverId: server, class: toolClass, reason, added: false }),
        draft.scopes.filter(({ added }) => added),
      ),
  }
}

/** The scopes with one more. */
export function addScope(
  scopes: readonly ScopeDraft[],
  scope: Pick<ScopeDraft, 'serverId' | 'class' | 'reason' | 'added'>,
): ScopeDraft[] {
  const key = Math.max(-1, ...scopes.map((each) => each.key)) + 1
  return [...scopes, { ...scope, toolName: '', limits: limitsDraft(), ticket: '', days: '', key }]
}

export function draftId(draft: Draft): string {
  return draft.id ?? slugify(draft.name)
}

/** The input of preview and creation; numbers that cannot be read are left to the schema to refuse. */
export function inputOf(draft: Draft): CreateAgentDraft {
  return {
    id: draftId(draft),
    name: draft.name,
    purpose: draft.purpose,
    ownerTeamId: draft.ownerTeamId,
    accountablePersonId: draft.accountablePersonId,
    tier: draft.tier,
    templateId: draft.templateId,
    layer: { prompt: draft.prompt, parameters: draft.parameters },
    schedule: draft.schedule.trim() || null,
    monthlyBudgetMicros: draft.budget.trim() ? String(Math.round(Number(draft.budget) * 1e6)) : null,
    scopes: draft.scopes.map(wishOf),
    firstRun: draft.firstRun,
  }
}

function wishOf(scope: ScopeDraft): ScopeWish {
  const limits = readLimits(limitsOf(scope))
  const toolNames = readToolNames(scope.toolName)
  return {
    serverId: scope.serverId,
    ...(toolNames.length > 0 ? {} : { class: scope.class }),
    toolNames,
    days: scope.days ? Number(scope.days) : null,
    reason: scope.reason,
    ...(scope.ticket.trim() ? { ticket: scope.ticket.trim() } : {}),
    // What cannot be read keeps the step from being left.
    ...(limits.problem === null ? { conditions: limits.conditions, rate: limits.rate } : {}),
  }
}

/** What is no tool has no arguments and no rate of its own. */
function limitsOf({ toolName, limits }: ScopeDraft): LimitsDraft {
  return capabilityOf(toolName) ? limitsDraft() : limits
}

const stepByField: Record<string, StepKey> = {
  templateId: 'template',
  templateVersion: 'template',
  layer: 'logic',
  parameters: 'logic',
  schedule: 'logic',
  scopes: 'scopes',
}

/** Where a field is typed in: problems lead there. */
export function stepOfField(field: string): StepKey {
  return stepByField[field.split('.')[0] ?? ''] ?? 'about'
}

/** What is wrong on one step, by field; the same schema as the server's, so that nothing is learnt only at the end. */
export function problemsOf(draft: Draft, step: StepKey): Record<string, string> {
  const problems: Record<string, string> = {}
  if (draft.budget.trim() && !(Number(draft.budget) >= 0))
    problems['monthlyBudgetMicros'] = 'Give an amount in dollars, such as 50.'
  const parsed = createAgentInput.safeParse(inputOf(problems['monthlyBudgetMicros'] ? { ...draft, budget: '' } : draft))
  for (const issue of parsed.error?.issues ?? []) problems[issue.path.join('.')] ??= issue.message
  for (const [index, scope] of draft.scopes.entries()) {
    if (scope.reason.trim().length < 5)
      problems[`scopes.${index}.reason`] ??= 'Say in a sentence what the agent needs it for.'
    const { problem } = readLimits(limitsOf(scope))
    if (problem !== null) problems[`scopes.${index}.limits`] ??= problem
  }
  return Object.fromEntries(Object.entries(problems).filter(([field]) => stepOfField(field) === step))
}
