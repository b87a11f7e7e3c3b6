import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { storable } from '#lib/core/storable.ts'
import type { Db } from '#lib/db/client.ts'
import { packageLock } from '../packages/lock.ts'
import { fetchIntoStore, isStored, type PackageStore, removeUnused, storedFolder } from '../packages/store.ts'
import type { PackageFacts, PackageProblem, PackageProgress } from '../schema/packages.ts'
import type { PackageReference } from '../schema/transport.ts'
import { packageSubject } from './packages.ts'

export type { PackageStore } from '../packages/store.ts'

/** The worker's part: fetches outside of any transaction and keeps what it found, or why it found nothing, once. For our own processes. */
export async function runPackageFetch(
  ctx: Ctx,
  { packageId, store }: { packageId: string; store: PackageStore },
): Promise<void> {
  authorize(ctx, 'servers:manage')
  const wanted = await ctx.db.fetchedPackage.findUnique({ where: { id: packageId } })
  if (!wanted) throw new DomainError('not_found', 'There is no such package.')
  if (wanted.finishedAt) return
  const { name, version } = wanted
  const notes = notesOf(ctx.db, packageId)
  const outcome = await fetchIntoStore(store, { name, version, locked: null, onProgress: notes.note })
  await notes.end()
  await inTx(ctx, async (tx, ctx) => {
    const { count } = await tx.fetchedPackage.updateMany({
      where: { id: packageId, finishedAt: null },
      data: { ...columnsOf(outcome), finishedAt: ctx.now },
    })
    if (count === 0) return
    const found = outcome.ok
      ? { integrity: outcome.value.integrity, lock: outcome.value.digest, packages: outcome.value.packages }
      : { problem: outcome.error.reason }
    recordAudit(tx, ctx, {
      event: 'package.fetched',
      subject: packageSubject(wanted),
      detail: { name, version, found },
    })
  })
}

/** Where a package lies on this machine, if it does. */
export function packageFolder(store: PackageStore, { lock }: PackageReference): string {
  return storedFolder(store, lock)
}

export async function hasPackage(store: PackageStore, { lock }: PackageReference): Promise<boolean> {
  return await isStored(store, lock)
}

/** Fetches a package that is not on this machine again, by its recorded lock and integrity. For our own processes. */
export async function ensurePackage(
  { db, store }: { db: Db; store: PackageStore },
  { name, version, integrity, lock: digest }: PackageReference,
): Promise<Result<null, PackageProblem>> {
  const row = await db.fetchedPackage.findFirst({
    where: { name, version, integrity, lockDigest: digest },
    select: { lock: true },
  })
  const lock = packageLock.safeParse(row?.lock)
  if (!lock.success) {
    const message = `${name}@${version} was never fetched with this lock.`
    return err({ field: 'name', reason: 'not_fetched', message })
  }
  const fetched = await fetchIntoStore(store, { name, version, locked: { lock: lock.data, digest } })
  return fetched.ok ? ok(null) : fetched
}

/** Removes the packages from this machine that no server is started from and that nobody fetched lately. For our own processes. */
export async function removeUnusedPackages({
  db,
  store,
  now,
}: {
  db: Db
  store: PackageStore
  now: Date
}): Promise<number> {
  return await removeUnused(store, {
    now,
    async usedOf(digests) {
      const where = { lockDigest: { in: digests } }
      const rows = await db.fetchedPackage.findMany({ where, select: { lockDigest: true }, distinct: ['lockDigest'] })
      return new Set(rows.map(({ lockDigest }) => lockDigest!))
    },
  })
}

/** Writes how far it has come, one at a time; what cannot be written is not worth stopping for. */
function notesOf(db: Db, id: string) {
  let writing: Promise<unknown> | null = null
  return {
    note(progress: PackageProgress): void {
      const write = () => db.fetchedPackage.updateMany({ where: { id, finishedAt: null }, data: { progress } })
      writing ??= write()
        .catch(() => null)
        .finally(() => (writing = null))
    },
    async end(): Promise<void> {
      await writing
    },
  }
}

type Outcome = Awaited<ReturnType<typeof fetchIntoStore>>

function columnsOf(outcome: Outcome) {
  if (!outcome.ok) return { problem: storable(outcome.error) }
  const { integrity, digest, lock, programs, packages, bytes, scripts } = outcome.value
  const facts: PackageFacts = { programs, packages, bytes, scripts }
  return { integrity, lockDigest: digest, lock: storable(lock) as object, facts }
}
