import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { ServerView } from '../schema.ts'
import type { ServerCommand } from '../schema/transport.ts'
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

/** When what a command is started from was first fetched here, and what is in it. */
export async function packageFetchOf(ctx: Ctx, command: ServerCommand | null): Promise<ServerView['packageFetch']> {
  if (!command?.package) return null
  const { name, version, integrity, lock: lockDigest } = command.package
  const row = await reader(ctx).fetchedPackage.findFirst({
    where: { name, version, integrity, lockDigest, finishedAt: { not: null } },
    orderBy: { finishedAt: 'asc' },
    select: { facts: true, finishedAt: true },
  })
  return row?.finishedAt ? { ...(row.facts as PackageFacts), fetchedAt: row.finishedAt.toISOString() } : null
}
