import * as agents from './tools/agents.ts'
import * as decisions from './tools/decisions.ts'
import * as fleet from './tools/fleet.ts'
import * as servers from './tools/servers.ts'
import type { RegistryTool } from './tool.ts'

/** What can be asked, in the order it is listed. */
export const registryTools: readonly RegistryTool[] = [
  agents.search,
  agents.countBy,
  agents.complete,
  agents.explain,
  agents.show,
  servers.list,
  servers.show,
  servers.grants,
  fleet.figures,
  fleet.runs,
  decisions.explain,
  decisions.simulateCall,
]
