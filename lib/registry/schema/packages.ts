import { z } from 'zod'
import { packageName, type PackageReference, packageVersion } from './transport.ts'

/** An npm package to fetch, by exactly one version. */
export const requestPackageInput = z.strictObject({ name: packageName, version: packageVersion })
export type RequestPackageInput = z.infer<typeof requestPackageInput>

/** Why a package is not taken. */
export const packageReasons = [
  'unknown_package',
  'unknown_version',
  'registry_unreachable',
  'registry_refuses',
  'no_integrity',
  'wrong_integrity',
  'foreign_source',
  'other_lock',
  'too_large',
  'too_slow',
  'no_space',
  'no_program',
  'needs_scripts',
  'not_fetched',
] as const
export type PackageReason = (typeof packageReasons)[number]
export type PackageProblem = {
  field: 'name' | 'version' | 'dependencies' | 'registry'
  reason: PackageReason
  message: string
}

/** What is in a package that was fetched. */
export type PackageFacts = {
  /** What it can start, by name; the first is the one that npm would take. */
  programs: string[]
  /** Itself and all it depends on. */
  packages: number
  bytes: number
  /** Packages with install scripts, which were not run. */
  scripts: string[]
}

/** How far fetching has come. */
export type PackageProgress = {
  /** How many are fetched, itself among them; null: what it depends on is not known yet. */
  packages: number | null
  /** On the disk so far, archives among them. */
  bytes: number
}

export type PackageFetchView = {
  id: string
  name: string
  version: string
  createdAt: string
  finishedAt: string | null
  /** null: no worker has begun, or it has ended. */
  progress: PackageProgress | null
  /** What a server's `command.package` says to be started from it; null: not fetched, or not yet. */
  package: PackageReference | null
  facts: PackageFacts | null
  problem: PackageProblem | null
}
