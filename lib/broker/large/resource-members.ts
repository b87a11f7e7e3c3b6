import { mergedAddress } from '../merged-addresses.ts'
import { resultFor } from '../methods.ts'
import type { AgentRequest } from '../pipeline-parts.ts'
import { ResultMembers } from './result-members.ts'

/** How a result is changed while it passes, as `saidResult` changes one that is held; null for that of a tool, which passes as it is. */
export function membersFor(
  { era, method, serverId }: Pick<AgentRequest, 'era' | 'method' | 'serverId'>,
  answeredBy: string,
): ResultMembers | null {
  if (method !== 'resources/read') return null
  return new ResultMembers({
    // How long it may be kept and by whom is the broker's to say; a result has no type before 2026-07-28.
    withheld: new Set(['ttlMs', 'cacheScope', ...(era === 'legacy' ? ['resultType'] : [])]),
    added: (withheld) => (era === 'legacy' ? {} : resultFor(era, method, withheld)),
    address: serverId === null ? (own) => mergedAddress(answeredBy, own) : null,
  })
}
