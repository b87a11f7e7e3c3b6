import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError, invariant } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { authorizeForTeam } from '#lib/registry/rules.ts'
import { launch } from './launch.ts'
import {
  type LaunchRefusal,
  type ResolveEscalationInput,
  startRunInput,
  type StartRunInput,
  type StopRunInput,
} from './schema.ts'
import { askToStop } from './stopping.ts'

/**
 * Asks the launch gate and queues a run of the agent's current version; a refusal is a run row too, with its rule. Needs `runs:start`
 * for the agent's team. The session at Claude is created by a job of the same transaction.
 */
export async function startRun(ctx: Ctx, input: StartRunInput): Promise<Result<{ runId: string }, LaunchRefusal>> {
  authorize(ctx, 'runs:start')
  const wanted = startRunInput.parse(input)
  return inTx(ctx, async (tx, ctx) => {
    const agent = await tx.agent.findUnique({
      where: { id: wanted.agentId },
      select: { ownerTeam: { select: { id: true, name: true } } },
    })
    if (agent && ctx.actor.kind === 'person') authorizeForTeam(ctx, 'runs:start', agent.ownerTeam)
    const outcome = await launch(ctx, wanted)
    invariant(outcome !== 'already_launched', 'a launch without a due time is always a new one')
    return outcome
  })
}

/**
 * Stops one run: its token is refused from the commit on, its session is interrupted by a job. Needs `runs:stop` for the agent's team;
 * throws `not_found`; a run that has ended or is stopping stays as it is.
 */
export async function stopRun(
  ctx: Ctx,
  input: StopRunInput,
): Promise<Result<{ runId: string }, { reason: 'not_open'; state: string }>> {
  authorize(ctx, 'runs:stop')
  return inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select 1 from "Run" where "id" = ${input.runId}::uuid for update`
    const run = await tx.run.findUnique({
      where: { id: input.runId },
      select: { state: true, agent: { select: { ownerTeam: { select: { id: true, name: true } } } } },
    })
    if (!run) throw new DomainError('not_found', 'That run does not exist.')
    if (ctx.actor.kind === 'person') authorizeForTeam(ctx, 'runs:stop', run.agent.ownerTeam)
    const asked = await askToStop(ctx, { runId: input.runId, rule: 'stopped_by_person', reason: input.reason })
    return asked ? ok({ runId: input.runId }) : err({ reason: 'not_open', state: run.state })
  })
}

/** Marks an escalation as dealt with. Needs `escalations:resolve` for the agent's team; throws `not_found`; the second one changes nothing. */
export async function resolveEscalation(ctx: Ctx, input: ResolveEscalationInput): Promise<{ resolved: boolean }> {
  authorize(ctx, 'escalations:resolve')
  const person = requirePerson(ctx)
  return inTx(ctx, async (tx, ctx) => {
    const escalation = await tx.escalation.findUnique({
      where: { id: input.escalationId },
      select: {
        title: true,
        runId: true,
        agentId: true,
        agent: { select: { ownerTeam: { select: { id: true, name: true } } } },
      },
    })
    if (!escalation) throw new DomainError('not_found', 'That escalation does not exist.')
    authorizeForTeam(ctx, 'escalations:resolve', escalation.agent.ownerTeam)
    const { count } = await tx.escalation.updateMany({
      where: { id: input.escalationId, resolvedAt: null },
      data: { resolvedAt: ctx.now, resolvedBy: person.id },
    })
    if (count === 0) return { resolved: false }
    recordAudit(tx, ctx, {
      event: 'escalation.resolved',
      subject: { kind: 'escalation', id: input.escalationId, name: escalation.title },
      detail: { escalationId: input.escalationId },
      agentId: escalation.agentId,
      teamId: escalation.agent.ownerTeam.id,
      runId: escalation.runId,
    })
    return { resolved: true }
  })
}

/** Tries a creation again that failed; steps that are done stay done. Needs `agents:create` for the agent's team; throws `not_found`. */
export async function retryProvisioning(
  ctx: Ctx,
  input: { agentId: string },
): Promise<Result<{ agentId: string }, { reason: 'nothing_failed' }>> {
  authorize(ctx, 'agents:create')
  const { agentId } = input
  return inTx(ctx, async (tx, ctx) => {
    const agent = await tx.agent.findUnique({
      where: { id: agentId },
      select: { name: true, currentVersion: true, ownerTeam: { select: { id: true, name: true } } },
    })
    if (!agent) throw new DomainError('not_found', `There is no agent ${agentId}.`)
    if (ctx.actor.kind === 'person') authorizeForTeam(ctx, 'agents:create', agent.ownerTeam)
    const failed = await tx.creationStep.updateManyAndReturn({
      where: { agentId, state: 'failed' },
      data: { state: 'pending', detail: 'Trying again.' },
      select: { step: true },
    })
    if (failed.length === 0) return err({ reason: 'nothing_failed' })
    const firstRun = await tx.creationStep.findUnique({
      where: { agentId_step: { agentId, step: 'first_run' } },
      select: { state: true },
    })
    recordAudit(tx, ctx, {
      event: 'agent.creation_retried',
      subject: { kind: 'agent', id: agentId, name: agent.name },
      detail: { steps: failed.map(({ step }) => step) },
      agentId,
      teamId: agent.ownerTeam.id,
    })
    await enqueue(tx, jobs.provisionAgent, {
      payload: {
        agentId,
        version: agent.currentVersion,
        firstRun: firstRun !== null && firstRun.state !== 'done',
        setOffById: ctx.actor.kind === 'person' ? ctx.actor.id : null,
      },
      key: `provision_again:${agentId}`,
    })
    return ok({ agentId })
  })
}
