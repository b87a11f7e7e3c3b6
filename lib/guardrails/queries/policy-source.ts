import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createCedarPolicySet,
  createCedarPolicySetGently,
  InvalidPolicies,
  type PolicySource,
} from '../cedar/policy-set.ts'
import { type PolicySet, refusingPolicySet } from '../rules/policy-set.ts'

/** The folder of this file; the portal's bundle has none, and runs in the folder of the program. */
const here = folderOf(import.meta)
const folder = join(here, '../policies')

function folderOf({ dirname }: { dirname?: string }): string {
  return dirname ?? join(process.cwd(), 'lib/guardrails/queries')
}

/** The Cedar schema of this release: what it can tell policies about a call. */
export const policySchema = readFileSync(join(folder, 'schema.cedarschema'), 'utf8')

/** The central policies as they come with this release. */
export async function readPolicySource(): Promise<PolicySource> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.cedar')).toSorted()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return { schema: policySchema, policies: texts.map((text) => text.trim()) }
}

/** The central policies of this release, ready to judge: for tests, and where no installation is. Throws when one does not type-check. */
export async function loadPolicySet(): Promise<PolicySet> {
  return createCedarPolicySet(await readPolicySource())
}

/** What this release is called. */
export async function releaseName(): Promise<string> {
  const text = await readFile(join(here, '../../../package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

export type StoredPolicySet = { number: number; version: string; policies: readonly string[] }

/**
 * A stored set, ready to judge. It is checked against the schema of this release, whatever it was checked against before: one that does not
 * type-check here refuses everything and says why; so does one that could not be opened for another reason, which is not to be kept (`failed`). Whatever else this process does goes on meanwhile.
 */
export async function openPolicySet(stored: StoredPolicySet): Promise<PolicySet> {
  try {
    return await createCedarPolicySetGently({ schema: policySchema, policies: stored.policies }, stored.version)
  } catch (error) {
    return unreadable(stored, error)
  }
}

function unreadable({ number, version }: StoredPolicySet, error: unknown): PolicySet {
  const said = error instanceof Error ? error.message : String(error)
  if (error instanceof InvalidPolicies) {
    return refusingPolicySet(version, `policy set ${number} is not valid in this release. ${said}`)
  }
  return { ...refusingPolicySet(version, `policy set ${number} could not be opened. ${said}`), failed: true }
}
