import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { ProbeReport, ServerProbeView } from '../schema/probes.ts'

/** What a probe has found, or that it has not ended. Needs `servers:manage`; throws `not_found`. */
export async function getServerProbe(ctx: Ctx, id: string): Promise<ServerProbeView> {
  authorize(ctx, 'servers:manage')
  const probe = await reader(ctx).serverProbe.findUnique({
    where: { id },
    select: { id: true, url: true, command: true, createdAt: true, finishedAt: true, report: true },
  })
  if (!probe) throw new DomainError('not_found', 'There is no such probe.')
  return {
    id: probe.id,
    url: probe.url,
    command: probe.command as ServerProbeView['command'],
    createdAt: probe.createdAt.toISOString(),
    finishedAt: probe.finishedAt?.toISOString() ?? null,
    report: probe.report as ProbeReport | null,
  }
}
