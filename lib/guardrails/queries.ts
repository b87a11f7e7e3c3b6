import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCedarPolicySet, type PolicySource } from './cedar.ts'
import type { PolicySet } from './rules/policy-set.ts'

const folder = join(import.meta.dirname, 'policies')

/** The central policies as they are in the repository. */
export async function readPolicySource(): Promise<PolicySource> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.cedar')).toSorted()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return { schema: await readFile(join(folder, 'schema.cedarschema'), 'utf8'), policies: texts }
}

/** The central policies, checked against their schema and ready to judge. Throws when one does not parse or type-check. */
export async function loadPolicySet(): Promise<PolicySet> {
  return createCedarPolicySet(await readPolicySource())
}
