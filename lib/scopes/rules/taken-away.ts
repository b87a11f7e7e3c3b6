import { wholeServerCovers } from './besides-tools.ts'

type Names = { toolName: string | null }

/**
 * Whether a scope would give back part of what a grant on the same server gave: nothing that was taken away comes back without a person, whatever a template or a policy
 * pre-approves. The classes need not be asked, because each of them holds reading.
 */
export function givesBack(wanted: Names, ended: Names): boolean {
  if (wanted.toolName === ended.toolName) return true
  if (ended.toolName === null) return wholeServerCovers(wanted.toolName)
  return wanted.toolName === null && wholeServerCovers(ended.toolName)
}
