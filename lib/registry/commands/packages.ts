import { randomUUID } from 'node:crypto'
import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import type { RequestPackageInput } from '../schema/packages.ts'

/** Asks the worker to fetch an npm package by exactly one version. Needs `servers:manage`. */
export async function requestPackage(ctx: Ctx, input: RequestPackageInput): Promise<{ packageId: string }> {
  authorize(ctx, 'servers:manage')
  const id = randomUUID()
  return await inTx(ctx, async (tx, ctx) => {
    await tx.fetchedPackage.create({ data: { id, ...input, requestedById: ctx.actor.id, createdAt: ctx.now } })
    await enqueue(tx, jobs.fetchPackage, { payload: { packageId: id } })
    recordAudit(tx, ctx, { event: 'package.requested', subject: packageSubject({ id, ...input }), detail: input })
    return { packageId: id }
  })
}

/** The package of an event. */
export function packageSubject({ id, name, version }: { id: string; name: string; version: string }) {
  return { kind: 'package' as const, id, name: `${name}@${version}` }
}
