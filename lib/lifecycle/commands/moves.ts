import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject, lockAgent, type LockedAgent } from '#lib/registry/commands.ts'
import { authorizeForTeam } from '#lib/registry/rules.ts'
import { endAllScopes } from '#lib/scopes/commands.ts'
import { stopOpenRuns } from '../open-runs.ts'
import { moveProblem, type MoveName } from '../rules.ts'
import { resumeProblem } from '../rules/orphans.ts'
import type { MoveAgentInput, MoveRefusal } from '../schema.ts'

/**
 * Stops an agent from being started and from calling anything until it is resumed, and stops its open runs; brokers refuse at most a
 * second later. Needs
 * `agents:suspend`, in the owner team unless the role reaches every team.
 */
export async function suspendAgent(ctx: Ctx, input: MoveAgentInput): Promise<Result<null, MoveRefusal>> {
  authorize(ctx, 'agents:suspend')
  return await move(ctx, { input, name: 'suspend' }, async (ctx, agent) => {
    await ctx.tx.agent.update({
      where: { id: agent.id },
      data: { status: 'suspended', statusReason: input.reason, statusChangedAt: ctx.now, updatedAt: ctx.now },
    })
    await stopOpenRuns(ctx, { agent, reason: input.reason })
    recordAudit(ctx.tx, ctx, { event: 'agent.suspended', ...agentSubject(agent), detail: { reason: input.reason } })
  })
}

/** Ends a suspension; nothing restarts by itself. Needs `agents:suspend` as above. */
export async function resumeAgent(ctx: Ctx, input: MoveAgentInput): Promise<Result<null, MoveRefusal>> {
  authorize(ctx, 'agents:suspend')
  return await move(ctx, { input, name: 'resume' }, async (ctx, agent) => {
    await ctx.tx.agent.update({
      where: { id: agent.id },
      data: { status: 'active', statusReason: null, statusChangedAt: ctx.now, updatedAt: ctx.now },
    })
    recordAudit(ctx.tx, ctx, { event: 'agent.resumed', ...agentSubject(agent), detail: { reason: input.reason } })
  })
}

/**
 * Ends an agent for good: grants and credentials are revoked, pending requests taken back, open runs stopped, the
 * schedule is off; its history stays.
 * Needs `agents:retire`, in the owner team unless the role reaches every team.
 */
export async function retireAgent(ctx: Ctx, input: MoveAgentInput): Promise<Result<null, MoveRefusal>> {
  authorize(ctx, 'agents:retire')
  return await move(ctx, { input, name: 'retire' }, async (ctx, agent) => {
    await ctx.tx.agent.update({
      where: { id: agent.id },
      data: {
        status: 'retired',
        statusReason: input.reason,
        statusChangedAt: ctx.now,
        scheduleEnabled: false,
        nextReviewAt: null,
        updatedAt: ctx.now,
      },
    })
    await stopOpenRuns(ctx, { agent, reason: input.reason })
    const { grantsRevoked } = await endAllScopes(ctx, { agent, reason: `The agent was retired: ${input.reason}` })
    await revokeCredentials(ctx, agent)
    const detail = { reason: input.reason, grantsRevoked }
    recordAudit(ctx.tx, ctx, { event: 'agent.retired', ...agentSubject(agent), detail })
  })
}

const permissionFor = { suspend: 'agents:suspend', resume: 'agents:suspend', retire: 'agents:retire' } as const

async function move(
  ctx: Ctx,
  { input, name }: { input: MoveAgentInput; name: Exclude<MoveName, 'activate'> },
  write: (ctx: Ctx & { tx: Tx }, agent: LockedAgent) => Promise<void>,
): Promise<Result<null, MoveRefusal>> {
  return await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, input.agentId)
    authorizeForTeam(ctx, permissionFor[name], agent.ownerTeam)
    const message = moveProblem(agent.status, name)
    if (message) return err({ rule: `lifecycle:${name}`, message, status: agent.status })
    const orphaned = name === 'resume' ? await orphanProblem(ctx, agent) : null
    if (orphaned) return err({ rule: 'lifecycle:orphaned', message: orphaned, status: agent.status })
    await write(ctx, agent)
    return ok(null)
  })
}

async function orphanProblem({ tx, now }: Ctx & { tx: Tx }, agent: LockedAgent): Promise<string | null> {
  const orphan = await tx.orphanedAgent.findUnique({ where: { agentId: agent.id }, select: { suspendAt: true } })
  if (!orphan) return null
  const person = await tx.person.findUnique({ where: { id: agent.accountablePersonId }, select: { active: true } })
  return resumeProblem({ suspendAt: orphan.suspendAt, accountableActive: person?.active ?? false }, now)
}

async function revokeCredentials(ctx: Ctx & { tx: Tx }, agent: LockedAgent): Promise<void> {
  const credentials = await ctx.tx.agentCredential.findMany({
    where: { agentId: agent.id, revokedAt: null },
    select: { id: true, clientId: true },
  })
  if (credentials.length === 0) return
  await ctx.tx.agentCredential.updateMany({
    where: { id: { in: credentials.map(({ id }) => id) } },
    data: { revokedAt: ctx.now },
  })
  recordAudit(ctx.tx, ctx, {
    event: 'agent.credentials_revoked',
    ...agentSubject(agent),
    detail: { clientIds: credentials.map(({ clientId }) => clientId) },
  })
}
