import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { PackageFacts, PackageFetchView, PackageProblem, PackageProgress } from '../schema/packages.ts'

/** What fetching a package found, or that it has not ended. Needs `servers:manage`; throws `not_found`. */
export async function getPackageFetch(ctx: Ctx, id: string): Promise<PackageFetchView> {
  authorize(ctx, 'servers:manage')
  const row = await reader(ctx).fetchedPackage.findUnique({ where: { id }, omit: { lock: true } })
  if (!row) throw new DomainError('not_found', 'There is no such package.')
  const { name, version, integrity, lockDigest } = row
  return {
    id,
    name,
    version,
    createdAt: row.createdAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
    progress: row.finishedAt ? null : (row.progress as PackageProgress | null),
    package: integrity && lockDigest ? { name, version, integrity, lock: lockDigest } : null,
    facts: row.facts as PackageFacts | null,
    problem: row.problem as PackageProblem | null,
  }
}
