import { recordAudit } from '#lib/audit/commands.ts'
import type { AuditEvents } from '#lib/audit/events.ts'
import { can, type Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject, lockAgent } from '#lib/registry/commands.ts'
import { createAgent } from '../commands/create.ts'
import { setSchedule } from '../commands/change.ts'
import { nextReview } from '../rules.ts'
import type { ManifestChange } from '../schema.ts'
import { keyNames, shown } from './differences.ts'
import type { ParsedManifest } from './parse.ts'
import { type Complaints, personByEmail } from './complaints.ts'
import { withNeededClasses } from './needed-classes.ts'
import { wishesOf } from './scopes.ts'

/** Creates the agent of a manifest whose id is free. What is left out gets its default; what is wrong is a complaint. */
export async function applyNew(
  ctx: Ctx & { tx: Tx },
  { manifest, complaints }: { manifest: ParsedManifest; complaints: Complaints },
): Promise<ManifestChange | null> {
  const { id, fields, at } = manifest
  for (const key of ['owner', 'purpose', 'template'] as const) {
    if (fields[key] === undefined) complaints.add(null, `${id} is new, so it needs the key ${key}.`)
  }
  if (fields.status === 'suspended' || fields.status === 'retired') {
    complaints.add('status', `A new agent begins active; ${fields.status} comes later.`)
  }
  if ((fields.monthlyRuns ?? 0) !== 0) complaints.add('monthlyRuns', measured('monthly_runs'))
  if ((fields.escalationRate ?? null) !== null) complaints.add('escalationRate', measured('escalation_rate'))
  if (fields.lastReviewed && !can(ctx.actor, 'agents:import')) {
    complaints.add(
      'lastReviewed',
      'last_reviewed is recorded by a review; writing it takes the permission agents:import.',
    )
  }
  const accountable = await accountableOf(ctx, { manifest, complaints })
  if (complaints.any || accountable === null) return null

  const [templateId = '', templateVersion] = fields.template?.split('@') ?? []
  const schedule = fields.schedule ?? null
  const created = await complaints.catching(async () => {
    await createAgent(ctx, {
      id,
      name: fields.name ?? id,
      purpose: fields.purpose ?? '',
      ownerTeamId: fields.owner ?? '',
      accountablePersonId: accountable,
      tier: fields.tier ?? 'medium',
      templateId,
      ...(templateVersion ? { templateVersion } : {}),
      layer: { prompt: fields.prompt ?? '', parameters: fields.parameters ?? {} },
      schedule,
      monthlyBudgetMicros: fields.monthlyBudgetMicros ?? null,
      scopes: wishesOf(await withNeededClasses(ctx, fields.scopes ?? [])),
    })
    if (fields.scheduleEnabled === false) await setSchedule(ctx, { agentId: id, schedule, enabled: false })
  })
  if (!created) return null
  await recordImport(ctx, manifest)
  const scopes = (fields.scopes ?? []).map(({ serverId, class: toolClass }) => `scope ${serverId} ${toolClass}`)
  return {
    id,
    line: at.line,
    action: 'create',
    changes: [`from ${fields.template}`, ...scopes],
    fields: fieldsOfNew(fields),
  }
}

/** Everything the manifest says, as what comes to be. */
function fieldsOfNew(fields: ParsedManifest['fields']): ManifestChange['fields'] {
  return [...new Set(Object.keys(fields))]
    .filter((key): key is keyof typeof fields => key !== 'id')
    .map((key) => ({ field: keyNames[key] ?? key, before: null, after: shown(fields[key]) }))
}

export function measured(key: string): string {
  return `${key} is measured, never typed in: leave the line out.`
}

async function recordImport(ctx: Ctx & { tx: Tx }, { id, fields }: ParsedManifest): Promise<void> {
  const agent = await lockAgent(ctx.tx, id)
  const detail: AuditEvents['agent.imported'] = { source: 'manifest' }
  if (fields.lastReviewed) {
    const lastReviewedAt = new Date(`${fields.lastReviewed}T00:00:00Z`)
    const nextReviewAt = nextReview(agent.tier, lastReviewedAt)
    await ctx.tx.agent.update({ where: { id }, data: { lastReviewedAt, nextReviewAt } })
    detail.lastReviewedAt = lastReviewedAt.toISOString()
    detail.nextReviewAt = nextReviewAt.toISOString()
  }
  recordAudit(ctx.tx, ctx, { event: 'agent.imported', ...agentSubject(agent), detail })
}

/** Left out, whoever applies the manifest is accountable. */
async function accountableOf(
  ctx: Ctx & { tx: Tx },
  { manifest, complaints }: { manifest: ParsedManifest; complaints: Complaints },
): Promise<string | null> {
  const { accountable } = manifest.fields
  if (accountable !== undefined) return await personByEmail(ctx, { email: accountable, complaints })
  if (ctx.actor.kind === 'person') return ctx.actor.id
  complaints.add(null, `${manifest.id} is new, so it needs the key accountable.`)
  return null
}
