import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { checkPolicies } from '../cedar/check.ts'
import { joinPolicies } from '../cedar/split.ts'
import { policyWarnings } from '../cedar/warnings.ts'
import type { PolicyProblem } from '../schema/policy-sets.ts'
import { policySchema } from './policy-source.ts'

/** Policies from a file, or from every .cedar file of a folder in the order of their names. */
export async function readPolicyFiles(path: string): Promise<string> {
  if (!(await stat(path)).isDirectory()) return await readFile(path, 'utf8')
  const names = (await readdir(path)).filter((name) => name.endsWith('.cedar')).toSorted()
  return joinPolicies(await Promise.all(names.map((name) => readFile(join(path, name), 'utf8'))))
}

/** What is wrong with a text of policies and what is hardly meant, without a database: names are not looked up. */
export function checkPoliciesOffline(text: string): { problems: PolicyProblem[]; warnings: PolicyProblem[] } {
  const { policies, problems, warnings } = checkPolicies(text, policySchema)
  return { problems, warnings: problems.length > 0 ? [] : [...warnings, ...policyWarnings(policies, [])] }
}
