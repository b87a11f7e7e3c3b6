import type { ServerCapabilities } from '@modelcontextprotocol/server'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { AgentFacts, Caller } from '#lib/guardrails/rules/facts.ts'
import type { ReadMethod } from './methods.ts'
import type { PipelineParts } from './pipeline-parts.ts'
import type { BrokeredServer } from './view/view.ts'

/** What a method needs its server to have. */
const needed = {
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
  'prompts/list': 'prompts',
  'completion/complete': 'completions',
  'logging/setLevel': 'logging',
} as const

/** The servers of the merged endpoint: those the agent holds a grant for, by id. */
export function mergedOf({ view }: Pick<PipelineParts, 'view'>, agent: AgentFacts): BrokeredServer[] {
  return [...new Set(agent.grants.map((grant) => grant.serverId))]
    .toSorted()
    .map((id) => view.servers.get(id))
    .filter((server) => server !== undefined)
}

/** Whether a server says that it has what the method is about; one that was not spoken to yet may have it. */
export function mayOffer(parts: PipelineParts, server: BrokeredServer, method: keyof typeof needed): boolean {
  const capabilities = parts.upstreams.spokenTo(server)?.capabilities
  return capabilities === undefined || capabilities[needed[method]] !== undefined
}

/** What the merged endpoint has besides tools: what some server may have of which the agent may read it. An agent asks once, so what one is down with is not left out. */
export function offeredMerged(parts: PipelineParts, caller: Caller): ServerCapabilities {
  const agent = parts.view.agents.get(caller.agentId)
  const servers = agent ? mergedOf(parts, agent) : []
  const now = parts.now()
  const some = (method: ReadMethod & keyof typeof needed): boolean =>
    servers.some(
      (server) =>
        mayOffer(parts, server, method) &&
        decide({ caller, serverId: server.id, tool: method, isMethod: true }, parts.view, now).ok,
    )
  const tells = (list: 'resources' | 'prompts', flag: 'subscribe' | 'listChanged'): Record<string, true> =>
    servers.some((server) => mayTell(parts, server, { caller, list, flag })) ? { [flag]: true } : {}
  return {
    ...(some('resources/list')
      ? { resources: { ...tells('resources', 'subscribe'), ...tells('resources', 'listChanged') } }
      : {}),
    ...(some('prompts/list') ? { prompts: tells('prompts', 'listChanged') } : {}),
    ...(some('completion/complete') ? { completions: {} } : {}),
    ...(some('logging/setLevel') ? { logging: {} } : {}),
  }
}

function mayTell(
  parts: PipelineParts,
  server: BrokeredServer,
  { caller, list, flag }: { caller: Caller; list: 'resources' | 'prompts'; flag: 'subscribe' | 'listChanged' },
): boolean {
  const capabilities = parts.upstreams.spokenTo(server)?.capabilities
  const says: Readonly<Record<string, unknown>> | undefined = capabilities?.[list]
  if (capabilities && says?.[flag] !== true) return false
  const tool = flag === 'subscribe' ? 'resources/subscribe' : `${list}/list`
  return decide({ caller, serverId: server.id, tool, isMethod: true }, parts.view, parts.now()).ok
}
