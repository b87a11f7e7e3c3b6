import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import type { PackageFacts } from '../schema/packages.ts'
import type { PackageReference, ServerCommand } from '../schema/transport.ts'

type Fetched = { reference: PackageReference; programs: string[] }

/** A package by the id of its fetch; null: there is none, or it was not taken. */
export async function fetchedPackage(db: Pick<Tx, 'fetchedPackage'>, id: string): Promise<Fetched | null> {
  const row = await db.fetchedPackage.findUnique({ where: { id }, omit: { lock: true } })
  if (!row?.integrity || !row.lockDigest) return null
  const { name, version, integrity, lockDigest: lock } = row
  return { reference: { name, version, integrity, lock }, programs: (row.facts as PackageFacts).programs }
}

/** Throws `invalid` where a command names a package that was never fetched so, or no program of it. */
export async function requirePackage(tx: Pick<Tx, '$queryRaw'>, command: ServerCommand | undefined): Promise<void> {
  if (!command?.package) return
  const { name, version, integrity, lock } = command.package
  // It must not be forgotten before the server that names it is there.
  const [row] = await tx.$queryRaw<
    { facts: PackageFacts }[]
  >`select "facts" from "FetchedPackage" where "name" = ${name}
    and "version" = ${version} and "integrity" = ${integrity} and "lockDigest" = ${lock} order by "createdAt" desc limit 1 for share`
  if (!row) {
    const message = `${name}@${version} was not fetched with this integrity and lock. Fetch it first.`
    throw new DomainError('invalid', message, { field: 'command.package', rule: 'registry:package_unknown' })
  }
  const { programs } = row.facts
  if (programs.includes(command.command)) return
  const message = `${name}@${version} has no program ${command.command}; it has ${programs.join(', ')}.`
  throw new DomainError('invalid', message, { field: 'command.command', rule: 'registry:package_program' })
}
