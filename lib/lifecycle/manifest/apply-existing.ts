import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { canonicalJson } from '#lib/core/canonical-json.ts'
import { invariant } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject, lockAgent } from '#lib/registry/commands.ts'
import { changeAgentLogic, refreshAgentServers, setSchedule } from '../commands/change.ts'
import { resumeAgent, retireAgent, suspendAgent } from '../commands/moves.ts'
import { updateAgent } from '../commands/update-agent.ts'
import { type ManifestChange, type UpdateAgentInput } from '../schema.ts'
import { measured } from './apply-new.ts'
import { type Complaints, personByEmail } from './complaints.ts'
import { differences } from './differences.ts'
import { type ManifestFields } from './document.ts'
import { manifestFieldsOf } from './of-agent.ts'
import type { ParsedManifest } from './parse.ts'
import { applyScopes } from './scopes.ts'

/** Brings a registered agent to what its manifest says; keys that it leaves out stay as they are. */
export async function applyExisting(
  ctx: Ctx & { tx: Tx },
  { manifest, complaints }: { manifest: ParsedManifest; complaints: Complaints },
): Promise<ManifestChange | null> {
  const agent = await lockAgent(ctx.tx, manifest.id)
  const [now] = await manifestFieldsOf(ctx, [manifest.id])
  invariant(now, 'an agent that exists has fields')
  const wanted = { ...now, ...manifest.fields }
  complainAboutFacts({ now, wanted, complaints })
  if (complaints.any) return null
  const step = { id: manifest.id, now, wanted, complaints }
  const changes = [
    ...(await applyFields(ctx, step)),
    ...(await applyScheduleOf(ctx, step)),
    ...(manifest.fields.scopes ? await applyScopesOf(ctx, step) : []),
    ...(await applyLogic(ctx, step)),
    ...(await applyStatus(ctx, step)),
  ]
  if (complaints.any) return null
  if (changes.length > 0) {
    recordAudit(ctx.tx, ctx, { event: 'agent.imported', ...agentSubject(agent), detail: { source: 'manifest' } })
  }
  return {
    id: manifest.id,
    line: manifest.at.line,
    action: changes.length > 0 ? 'change' : 'none',
    changes,
    fields: changes.length > 0 ? differences(now, wanted) : [],
  }
}

type Step = { id: string; now: ManifestFields; wanted: ManifestFields; complaints: Complaints }

/** What is measured or recorded cannot be typed in, and a template is for life. */
function complainAboutFacts({ now, wanted, complaints }: Omit<Step, 'id'>): void {
  if (wanted.monthlyRuns !== now.monthlyRuns)
    complaints.add('monthlyRuns', `${measured('monthly_runs')} It is ${now.monthlyRuns}.`)
  if (wanted.escalationRate !== now.escalationRate) {
    complaints.add('escalationRate', `${measured('escalation_rate')} It is ${now.escalationRate ?? 'null (no runs)'}.`)
  }
  if (wanted.lastReviewed !== now.lastReviewed) {
    complaints.add(
      'lastReviewed',
      `last_reviewed is recorded by a review (${now.lastReviewed ?? 'never'}): leave the line out.`,
    )
  }
  const [templateNow] = now.template.split('@')
  const [templateWanted] = wanted.template.split('@')
  if (templateWanted !== templateNow) {
    complaints.add('template', `An agent stays on its template (${templateNow}); make a new agent instead.`)
  }
}

async function applyFields(ctx: Ctx & { tx: Tx }, { id, now, wanted, complaints }: Step): Promise<string[]> {
  const changes: string[] = []
  const update: UpdateAgentInput = { agentId: id }
  for (const key of ['name', 'purpose', 'tier', 'owner'] as const) {
    if (wanted[key] !== now[key]) changes.push(said(key, now[key], wanted[key]))
  }
  if (wanted.name !== now.name) update.name = wanted.name
  if (wanted.purpose !== now.purpose) update.purpose = wanted.purpose
  if (wanted.tier !== now.tier) update.tier = wanted.tier
  if (wanted.owner !== now.owner) update.ownerTeamId = wanted.owner
  if (wanted.monthlyBudgetMicros !== now.monthlyBudgetMicros) {
    update.monthlyBudgetMicros = wanted.monthlyBudgetMicros
    changes.push('monthly_budget_usd')
  }
  if (wanted.accountable !== now.accountable) {
    const person = await personByEmail(ctx, { email: wanted.accountable, complaints })
    if (person) update.accountablePersonId = person
    changes.push(said('accountable', now.accountable, wanted.accountable))
  }
  if (changes.length > 0 && !complaints.any) await complaints.catching(() => updateAgent(ctx, update))
  return changes
}

async function applyScheduleOf(ctx: Ctx, { id, now, wanted, complaints }: Step): Promise<string[]> {
  if (wanted.schedule === now.schedule && wanted.scheduleEnabled === now.scheduleEnabled) return []
  const { schedule, scheduleEnabled: enabled } = wanted
  await complaints.catching(() => setSchedule(ctx, { agentId: id, schedule, enabled }), 'schedule')
  return [said('schedule', stateOf(now), stateOf(wanted))]
}

async function applyScopesOf(ctx: Ctx & { tx: Tx }, { id, wanted, complaints }: Step): Promise<string[]> {
  const [templateId = '', version = ''] = wanted.template.split('@')
  const template = { id: templateId, version }
  return await applyScopes(ctx, { agentId: id, template, scopes: wanted.scopes, complaints })
}

async function applyLogic(ctx: Ctx & { tx: Tx }, { id, now, wanted, complaints }: Step): Promise<string[]> {
  const changes: string[] = []
  if (wanted.template !== now.template) changes.push(said('template', now.template, wanted.template))
  if (wanted.prompt !== now.prompt) changes.push('prompt')
  if (canonicalJson(wanted.parameters) !== canonicalJson(now.parameters)) changes.push('parameters')
  if (changes.length === 0) {
    await complaints.catching(() => refreshAgentServers(ctx, { agentId: id }))
    return []
  }
  const layer = { prompt: wanted.prompt, parameters: wanted.parameters }
  const templateVersion = wanted.template.split('@')[1]
  await complaints.catching(() =>
    changeAgentLogic(ctx, { agentId: id, layer, ...(templateVersion ? { templateVersion } : {}) }),
  )
  return changes
}

async function applyStatus(ctx: Ctx, { id, now, wanted, complaints }: Step): Promise<string[]> {
  // Provisioning becomes active by itself, so a file that says one or the other is right about both.
  const settled = (status: string) => (status === 'provisioning' ? 'active' : status)
  if (settled(now.status) === settled(wanted.status)) return []
  const move = { active: resumeAgent, provisioning: resumeAgent, suspended: suspendAgent, retired: retireAgent }[
    wanted.status
  ]
  await complaints.catching(async () => {
    const outcome = await move(ctx, { agentId: id, reason: 'Its manifest says so.' })
    if (!outcome.ok) complaints.add('status', outcome.error.message)
  }, 'status')
  return [said('status', now.status, wanted.status)]
}

function said(key: string, before: string, after: string): string {
  return `${key}: ${JSON.stringify(before)} → ${JSON.stringify(after)}`
}

function stateOf({ schedule, scheduleEnabled }: ManifestFields): string {
  return schedule === null ? 'none' : `${schedule}${scheduleEnabled ? '' : ' (off)'}`
}
