import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError, invariant } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { agentSubject, lockAgent } from '#lib/registry/commands.ts'
import { inheritedGuardrails } from '#lib/registry/schema.ts'
import type { VersionOrigin } from '#lib/registry/schema/unregistered.ts'
import { manifestOfPlan } from '../manifest/of-plan.ts'
import { obtainScope, personOf } from '../obtain-scope.ts'
import { type AgentPlan, idTaken, planAgent, type PlannedScope } from '../plan.ts'
import { creationPlan, nextReview, nextRuns } from '../rules.ts'
import {
  type AgentPreview,
  type CreateAgentDraft,
  createAgentInput,
  type CreateAgentInput,
  type PreviewScope,
  type Problem,
} from '../schema.ts'

/**
 * Everything that `createAgent` would create from this draft, with all problems at once. Writes nothing. Needs `agents:create`; what is
 * wrong with the draft is in `problems`, never thrown.
 */
export async function previewAgent(ctx: Ctx, draft: CreateAgentDraft): Promise<AgentPreview> {
  authorize(ctx, 'agents:create')
  const parsed = createAgentInput.safeParse(draft)
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => ({ field: path.map(String).join('.'), message }))
    return previewOf(ctx, { draft, plan: emptyPlan(problems), yaml: '' })
  }
  const plan = await planAgent(ctx, parsed.data)
  return previewOf(ctx, { draft: parsed.data, plan, yaml: await manifestOfPlan(ctx, { input: parsed.data, plan }) })
}

/**
 * Registers an agent: the entry, its first version, grants that the template pre-approves, requests for the rest, the creation log and the
 * job that provisions it commit together or not at all. Needs `agents:create` in the owner team. Throws `invalid` with
 * `details.problems`, and `conflict` when the id is taken; of two who create the same id at once, one does. `origin`: what its first version
 * goes on from, which is kept with it.
 */
export async function createAgent(
  ctx: Ctx,
  draft: CreateAgentDraft,
  origin: VersionOrigin | null = null,
): Promise<{ agentId: string; version: number }> {
  authorize(ctx, 'agents:create')
  const input = createAgentInput.parse(draft)
  return await inTx(ctx, async (tx, ctx) => {
    const plan = await planAgent(ctx, input)
    refuseProblems(plan.problems)
    await insertAgent(ctx, input)
    const agent = await lockAgent(tx, input.id)
    const about = agentSubject(agent)
    const { template, rendered, digest } = plan
    invariant(template && rendered && digest, 'a plan without problems has a version')
    await tx.agentVersion.create({
      data: {
        agentId: input.id,
        version: 1,
        templateId: template.id,
        templateVersion: template.version,
        layer: input.layer,
        rendered: rendered as Prisma.InputJsonObject,
        digest,
        ...(origin ? { origin } : {}),
        createdAt: ctx.now,
        createdById: personOf(ctx),
      },
    })
    const made = { templateId: template.id, templateVersion: template.version }
    recordAudit(tx, ctx, {
      event: 'agent.created',
      ...about,
      detail: {
        ...made,
        name: input.name,
        purpose: input.purpose,
        ownerTeamId: input.ownerTeamId,
        accountablePersonId: input.accountablePersonId,
        tier: input.tier,
        schedule: input.schedule,
        monthlyBudgetMicros: input.monthlyBudgetMicros?.toString() ?? null,
        nextReviewAt: nextReview(input.tier, ctx.now).toISOString(),
      },
    })
    recordAudit(tx, ctx, { event: 'agent.version_created', ...about, detail: { version: 1, ...made, digest } })
    for (const scope of plan.scopes) await obtainScope(ctx, { agentId: input.id, scope })
    await writeCreationLog(tx, { input, plan, now: ctx.now })
    await enqueue(tx, jobs.provisionAgent, {
      payload: { agentId: input.id, version: 1, firstRun: input.firstRun, setOffById: personOf(ctx) },
      key: `provision:${input.id}:1`,
    })
    return { agentId: input.id, version: 1 }
  })
}

/** Throws what stands in the way: `conflict` for a taken id, `forbidden` for another team's, else `invalid`; always all of it in `details.problems`. */
export function refuseProblems(problems: readonly Problem[]): void {
  const [first] = problems
  if (!first) return
  const codes = { 'registry:id_taken': 'conflict', 'registry:own_team': 'forbidden' } as const
  const code = problems.length === 1 && first.rule ? codes[first.rule as keyof typeof codes] : 'invalid'
  const message = problems.map((problem) => problem.message).join(' ')
  throw new DomainError(code ?? 'invalid', message, {
    field: first.field,
    problems,
    ...(first.rule ? { rule: first.rule } : {}),
  })
}

async function insertAgent(ctx: Ctx & { tx: Tx }, input: CreateAgentInput): Promise<void> {
  const { count } = await ctx.tx.agent.createMany({
    data: [
      {
        id: input.id,
        name: input.name,
        purpose: input.purpose,
        ownerTeamId: input.ownerTeamId,
        accountablePersonId: input.accountablePersonId,
        tier: input.tier,
        status: 'provisioning',
        statusChangedAt: ctx.now,
        currentVersion: 1,
        schedule: input.schedule,
        monthlyBudgetMicros: input.monthlyBudgetMicros,
        nextReviewAt: nextReview(input.tier, ctx.now),
        createdAt: ctx.now,
        createdById: personOf(ctx),
        updatedAt: ctx.now,
      },
    ],
    skipDuplicates: true,
  })
  // Somebody else's registration of the same id has committed since the plan was made.
  if (count === 0) refuseProblems([idTaken(input.id)])
}

async function writeCreationLog(
  tx: Tx,
  { input, plan, now }: { input: CreateAgentInput; plan: AgentPlan; now: Date },
): Promise<void> {
  const granted = plan.scopes.filter(({ preApproved }) => preApproved).length
  const details: Record<string, string> = {
    register: `${input.id}, version 1 from ${plan.template?.id}@${plan.template?.version}`,
    scopes: `${granted} granted, ${plan.scopes.length - granted} requested`,
  }
  await tx.creationStep.createMany({
    data: creationPlan(input).map(({ step }, position) => {
      const detail = details[step]
      const done = { state: 'done' as const, detail: detail ?? null, attempts: 1, startedAt: now, finishedAt: now }
      return { agentId: input.id, step, position, ...(detail === undefined ? {} : done) }
    }),
  })
}

function emptyPlan(problems: Problem[]): AgentPlan {
  return { problems, template: null, rendered: null, digest: null, scopes: [] }
}

function previewOf(
  ctx: Ctx,
  { draft, plan, yaml }: { draft: CreateAgentDraft; plan: AgentPlan; yaml: string },
): AgentPreview {
  const { id, name, purpose, ownerTeamId, accountablePersonId, tier } = draft
  const schedule = draft.schedule ?? null
  const firstRun = draft.firstRun ?? false
  const scheduleIsGood = schedule !== null && !plan.problems.some(({ field }) => field === 'schedule')
  const { template, rendered, digest } = plan
  return {
    problems: plan.problems,
    agent: { id, name, purpose, ownerTeamId, accountablePersonId, tier },
    version:
      template && rendered && digest
        ? {
            templateId: template.id,
            templateVersion: template.version,
            digest,
            model: rendered.model,
            system: rendered.system,
            rendered,
          }
        : null,
    grants: plan.scopes.filter(({ preApproved }) => preApproved).map(previewScope),
    requests: plan.scopes.filter(({ preApproved }) => !preApproved).map(previewScope),
    schedule: scheduleIsGood
      ? {
          cron: schedule,
          nextRuns: nextRuns(schedule, { after: ctx.now, count: 3 }).map((run) => run.toISOString()),
        }
      : null,
    guardrails: inheritedGuardrails,
    steps: creationPlan({ schedule, firstRun }),
    yaml,
  }
}

function previewScope(scope: PlannedScope): PreviewScope {
  const { serverId, serverName, environment, class: toolClass, toolNames, days, tools, because } = scope
  return { serverId, serverName, environment, class: toolClass, toolNames, days, tools, because }
}
