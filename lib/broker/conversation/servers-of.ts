import { mergedOf } from '../merged-offer.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import type { BrokeredServer } from '../view/view.ts'
import type { Listener } from './listening.ts'

/** The servers that are listened to at an address: the one that is asked, on the merged endpoint those the agent holds a grant for. */
export function serversOf(
  parts: Pick<PipelineParts, 'view'>,
  { agent, serverId }: Pick<Listener, 'agent' | 'serverId'>,
): BrokeredServer[] {
  if (serverId === null) return mergedOf(parts, agent)
  const server = parts.view.servers.get(serverId)
  return server ? [server] : []
}
