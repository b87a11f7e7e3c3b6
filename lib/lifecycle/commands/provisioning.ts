import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { agentSubject, lockAgent } from '#lib/registry/commands.ts'
import type { CreationStepName } from '#lib/registry/schema.ts'
import { canMove } from '../rules.ts'

/** Marks a step of the creation log; `running` counts an attempt. A step that does not exist or is done already is left alone. For our own jobs. */
export async function recordCreationStep(
  ctx: Ctx,
  step: { agentId: string; step: CreationStepName; state: 'running' | 'done' | 'failed'; detail?: string },
): Promise<void> {
  ownProcessOnly(ctx)
  const finished = step.state !== 'running'
  await inTx(ctx, async (tx, ctx) => {
    const where = { agentId: step.agentId, step: step.step, state: { not: 'done' as const } }
    await tx.creationStep.updateMany({
      where: { ...where, startedAt: null },
      data: { startedAt: ctx.now },
    })
    await tx.creationStep.updateMany({
      where,
      data: {
        state: step.state,
        detail: step.detail ?? null,
        finishedAt: finished ? ctx.now : null,
        ...(finished ? {} : { attempts: { increment: 1 } }),
      },
    })
  })
}

/** `provisioning` becomes `active`; an agent that has moved on already is left alone. For our own jobs; throws `not_found`. */
export async function activateAgent(ctx: Ctx, agentId: string): Promise<{ activated: boolean }> {
  ownProcessOnly(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, agentId)
    if (!canMove(agent.status, 'activate')) return { activated: false }
    await tx.agent.update({
      where: { id: agentId },
      data: { status: 'active', statusReason: null, statusChangedAt: ctx.now, updatedAt: ctx.now },
    })
    recordAudit(tx, ctx, { event: 'agent.activated', ...agentSubject(agent), detail: {} })
    return { activated: true }
  })
}

function ownProcessOnly(ctx: Ctx): void {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
}
