import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { findStop } from '#lib/killswitch/rules.ts'
import type { TemplateManifest } from '#lib/templates/schema.ts'
import { factsOfLaunch } from './limit-facts.ts'
import { decideLaunch, defaultMonthlyBudgetMicros, type LaunchFacts } from './rules.ts'
import type { LaunchRefusal, RunTrigger } from './schema.ts'

export type Launch = {
  agentId: string
  trigger: RunTrigger
  /** Undefined: what the template starts a first run with. */
  input?: string | undefined
  /** The due time of a schedule; a second launch for the same one does nothing. */
  scheduledFor?: Date
  /** Who is behind a first run that a process of ours launches; left out: it is not known who. */
  setOffById?: string | null | undefined
}

export type LaunchOutcome = Result<{ runId: string }, LaunchRefusal> | 'already_launched'

/** Asks the gate and writes the run, queued with its job or refused with its rule, in the open transaction. */
export async function launch(ctx: Ctx & { tx: Tx }, wanted: Launch): Promise<LaunchOutcome> {
  const { tx } = ctx
  const { facts, agent, manifest } = await gatherLaunchFacts(tx, wanted.agentId, ctx.now)
  const decision = decideLaunch(facts)
  const { trigger, agentId } = wanted
  if (!agent) {
    const refusal = decision.ok ? null : decision.error
    if (!refusal) throw new Error('invariant: an unknown agent is refused')
    auditRefusal(ctx, { wanted, refusal, facts, name: agentId })
    return err(refusal)
  }
  const row = {
    agentId,
    agentVersion: agent.currentVersion,
    trigger,
    input: wanted.input ?? manifest?.firstRun.input ?? 'Do what you are for.',
    // The worker that starts it knows which model answers.
    simulated: false,
    requestedById: ctx.actor.kind === 'person' ? ctx.actor.id : null,
    scheduledFor: wanted.scheduledFor ?? null,
    scheduledById: ctx.actor.kind === 'person' ? null : await whoSetOff(tx, wanted),
    createdAt: ctx.now,
  }
  const [run] = await tx.run.createManyAndReturn({
    data: [
      decision.ok
        ? { ...row, state: 'queued' }
        : { ...row, state: 'refused', rule: decision.error.rule, error: decision.error.message, endedAt: ctx.now },
    ],
    skipDuplicates: true,
    select: { id: true },
  })
  if (!run) return 'already_launched'
  if (!decision.ok) {
    const refused = { wanted, refusal: decision.error, facts, name: agent.name }
    auditRefusal(ctx, { ...refused, teamId: agent.ownerTeamId, runId: run.id })
    return err({ ...decision.error, runId: run.id })
  }
  recordAudit(tx, ctx, {
    event: 'run.requested',
    subject: { kind: 'agent', id: agentId, name: agent.name },
    detail: { trigger, version: agent.currentVersion },
    agentId,
    teamId: agent.ownerTeamId,
    runId: run.id,
  })
  await enqueue(tx, jobs.startRun, { payload: { runId: run.id }, key: `start_run:${run.id}` })
  return ok({ runId: run.id })
}

/** Who set off what a process of ours launches: of a first run as its job says, of a schedule as the audit log has it, who last set when the agent starts by itself, or registered it so. */
async function whoSetOff(tx: Tx, { agentId, trigger, setOffById }: Launch): Promise<string | null> {
  if (trigger === 'first_run') return setOffById ?? null
  if (trigger !== 'schedule') return null
  const [last] = await tx.$queryRaw<{ actorId: string }[]>`
    select "actorId" from "AuditEvent" where "agentId" = ${agentId} and "event" in ('agent.schedule_changed', 'agent.created')
      and "event" not like 'mcp.%' and "actorKind" = 'person' order by "seq" desc limit 1`
  return last?.actorId ?? null
}

type LaunchAgent = { name: string; ownerTeamId: string; currentVersion: number }

async function gatherLaunchFacts(
  tx: Tx,
  agentId: string,
  now: Date,
): Promise<{ facts: LaunchFacts; agent: LaunchAgent | null; manifest: TemplateManifest | null }> {
  const agent = await tx.agent.findUnique({
    where: { id: agentId },
    select: {
      name: true,
      ownerTeamId: true,
      status: true,
      statusReason: true,
      currentVersion: true,
      monthlyBudgetMicros: true,
    },
  })
  const none = { stop: null, bound: false, required: null, grants: [], spentMicros: 0n, budgetMicros: 0n }
  if (!agent) return { facts: { agentId, agent: null, ...none }, agent: null, manifest: null }
  const version = await tx.agentVersion.findUnique({
    where: { agentId_version: { agentId, version: agent.currentVersion } },
    select: { templateId: true, templateVersion: true, claude: { select: { claudeAgentId: true } } },
  })
  const template =
    version &&
    (await tx.templateVersion.findUnique({
      where: { templateId_version: { templateId: version.templateId, version: version.templateVersion } },
      select: { manifest: true },
    }))
  const manifest = (template?.manifest ?? null) as TemplateManifest | null
  const orders = await tx.stopOrder.findMany({
    where: { releasedAt: null },
    select: { id: true, scope: true, targetId: true, orderedByName: true, reason: true },
  })
  const grants = await tx.grant.findMany({
    where: { agentId, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
    select: { serverId: true, class: true },
  })
  const facts: LaunchFacts = {
    agentId,
    agent,
    stop: findStop(orders, { agentId, teamId: agent.ownerTeamId }) ?? null,
    bound: version?.claude !== null && version?.claude !== undefined,
    required: manifest
      ? manifest.scopes
          .filter((scope) => scope.required)
          .map((scope) => ({ serverId: scope.server, class: scope.class }))
      : null,
    grants,
    spentMicros: await spentThisMonth(tx, agentId, now),
    budgetMicros: agent.monthlyBudgetMicros ?? defaultMonthlyBudgetMicros,
  }
  return { facts, agent, manifest }
}

/** From the day roll-ups, which are written with every model request. */
export async function spentThisMonth(tx: Tx, agentId: string, now: Date): Promise<bigint> {
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1))
  const sum = await tx.agentDay.aggregate({ where: { agentId, day: { gte: month } }, _sum: { costMicros: true } })
  return sum._sum.costMicros ?? 0n
}

function auditRefusal(
  ctx: Ctx & { tx: Tx },
  refused: {
    wanted: Launch
    refusal: LaunchRefusal
    facts: LaunchFacts
    name: string
    teamId?: string
    runId?: string
  },
): void {
  const { wanted, refusal, name, teamId, runId } = refused
  const facts = factsOfLaunch(refusal.rule, refused.facts, ctx.now)
  recordAudit(ctx.tx, ctx, {
    event: 'run.refused',
    subject: { kind: 'agent', id: wanted.agentId, name },
    detail: { trigger: wanted.trigger, reason: refusal.message, step: 'launch', facts },
    agentId: wanted.agentId,
    decision: 'deny',
    rule: refusal.rule,
    ...(teamId ? { teamId } : {}),
    ...(runId ? { runId } : {}),
  })
}
