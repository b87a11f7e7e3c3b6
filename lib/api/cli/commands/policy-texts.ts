import { Failed } from '../errors.ts'

/** Policies from a file or a folder, with what is wrong about the path in words. */
export async function readPolicies(path: string): Promise<string> {
  // Loaded only now: no other verb needs what reads policies.
  const { readPolicyFiles } = await import('#lib/guardrails/queries/policy-files.ts')
  return await readPolicyFiles(path).catch((error: NodeJS.ErrnoException) => {
    throw new Failed(`${path} could not be read: ${error.code ?? error.message}`)
  })
}
