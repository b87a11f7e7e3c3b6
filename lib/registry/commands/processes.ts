import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { RecordStdioProcessInput, SetServerBoundaryInput } from '../schema/processes.ts'
import { holdBackSettings } from './loosened-settings.ts'
import { lockServer, subjectOf } from './server-lock.ts'

/**
 * Keeps how a sandbox service finds a process of a server. Needs `servers:manage`; throws `not_found`. The audit log tells when one fails
 * again and again, and when it runs again; not of each start and end.
 */
export async function recordStdioProcess(ctx: Ctx, input: RecordStdioProcessInput): Promise<void> {
  authorize(ctx, 'servers:manage')
  await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    const { serverId, owner, instance, ...facts } = input
    const key = { serverId, owner, instance }
    const before = await tx.stdioProcess.findUnique({ where: { serverId_owner_instance: key } })
    const changedAt = before?.state === facts.state ? before.changedAt : ctx.now
    const data = { ...facts, changedAt, seenAt: ctx.now }
    await tx.stdioProcess.upsert({
      where: { serverId_owner_instance: key },
      create: { ...key, ...data },
      update: data,
    })
    if (facts.state === 'crash_loop' && before?.state !== 'crash_loop') {
      const detail = { owner, instance, restarts: facts.restarts, lastError: facts.lastError }
      recordAudit(tx, ctx, { event: 'server.process_failing', ...subjectOf(server), detail })
    } else if (facts.state === 'running' && before?.state === 'crash_loop') {
      recordAudit(tx, ctx, { event: 'server.process_running', ...subjectOf(server), detail: { owner, instance } })
    }
  })
}

/** Forgets what a service said before it was started anew, and what nobody said for a day. Needs `servers:manage`. */
export async function forgetStdioProcesses(ctx: Ctx, { instance }: { instance: string }): Promise<void> {
  authorize(ctx, 'servers:manage')
  const dayAgo = new Date(ctx.now.getTime() - 24 * 3_600_000)
  await inTx(ctx, async (tx) => {
    await tx.stdioProcess.deleteMany({ where: { OR: [{ instance }, { seenAt: { lt: dayAgo } }] } })
  })
}

/**
 * Says who may share a process of a server over stdio with whom. A process that more may share is proposed only, and is theirs from when somebody else has confirmed it (`waits`). Needs
 * `servers:manage`; throws `not_found`, and `invalid` for another transport.
 */
export async function setServerBoundary(ctx: Ctx, input: SetServerBoundaryInput): Promise<{ waits: boolean }> {
  authorize(ctx, 'servers:manage')
  return await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    if (server.transport !== 'stdio') {
      const message = `${server.name} is not a server over stdio: the platform runs no process of it.`
      throw new DomainError('invalid', message, { field: 'boundary', rule: 'registry:no_process' })
    }
    const { serverId, boundary: wanted } = input
    const { settings, waits } = await holdBackSettings(tx, ctx, { serverId, wanted: { boundary: wanted } })
    const { boundary = server.boundary } = settings
    if (server.boundary === boundary) return { waits }
    await tx.mcpServer.update({ where: { id: serverId }, data: { boundary, updatedAt: ctx.now } })
    const before = { boundary: server.boundary }
    recordAudit(tx, ctx, { event: 'server.updated', ...subjectOf(server), detail: { before, after: { boundary } } })
    return { waits }
  })
}
