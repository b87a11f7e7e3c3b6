import { isRecord } from '#lib/core/is-record.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import type { Allowed } from '#lib/guardrails/rules/decide.ts'
import type { Caller, ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { PipelineParts } from '../pipeline-parts.ts'

// Which grant lets an agent be told that something changed: that of what it would look at then. Of a log it is that of its level.

/** What a stream may ask a server for, in the words of 2026-07-28. */
export type Filter = {
  toolsListChanged?: true
  promptsListChanged?: true
  resourcesListChanged?: true
  resourceSubscriptions?: string[]
}

/** The tools are the broker's own to tell of: to listen for them at the server as well needs what any listening there needs. */
const methodOf = {
  toolsListChanged: 'resources/subscribe',
  promptsListChanged: 'prompts/list',
  resourcesListChanged: 'resources/list',
  resourceSubscriptions: 'resources/subscribe',
} as const satisfies Record<keyof Filter, string>

/** What a server says of its log. */
export const logged = 'notifications/message'

const methodOfNotice: Readonly<Record<string, string>> = {
  [logged]: 'logging/setLevel',
  'notifications/prompts/list_changed': methodOf.promptsListChanged,
  'notifications/resources/list_changed': methodOf.resourcesListChanged,
}

/** What an agent must be granted to be told this by a server. */
export function methodToHear(notice: unknown): string {
  const known = typeof notice === 'string' && Object.hasOwn(methodOfNotice, notice) ? methodOfNotice[notice] : undefined
  return known ?? 'resources/subscribe'
}

export type Hearing = { call: ToolCall; allowed: Allowed }

/** What of a filter the agent may be told by a server, and by which decisions. */
export function mayHear(
  parts: Pick<PipelineParts, 'view' | 'now'>,
  { caller, serverId }: { caller: Caller; serverId: string },
  filter: { readonly [K in keyof Filter]?: boolean | readonly string[] | undefined },
): { filter: Filter; hearings: Hearing[] } {
  const hearings = new Map<string, Hearing | null>()
  const hears = (method: string): boolean => {
    let hearing = hearings.get(method)
    if (hearing === undefined) {
      const call = { caller, serverId, tool: method, isMethod: true } as const
      const decision = decide(call, parts.view, parts.now())
      hearings.set(method, (hearing = decision.ok ? { call, allowed: decision.value } : null))
    }
    return hearing !== null
  }
  const { toolsListChanged, promptsListChanged, resourcesListChanged, resourceSubscriptions } = filter
  const heard: Filter = {}
  if (toolsListChanged && hears(methodOf.toolsListChanged)) heard.toolsListChanged = true
  if (promptsListChanged && hears(methodOf.promptsListChanged)) heard.promptsListChanged = true
  if (resourcesListChanged && hears(methodOf.resourcesListChanged)) heard.resourcesListChanged = true
  if (Array.isArray(resourceSubscriptions) && resourceSubscriptions.length > 0 && hears(methodOf.resourceSubscriptions))
    heard.resourceSubscriptions = [...(resourceSubscriptions as readonly string[])]
  return { filter: heard, hearings: [...hearings.values()].filter((hearing) => hearing !== null) }
}

const lists = ['toolsListChanged', 'promptsListChanged', 'resourcesListChanged'] as const

/** What of a filter a server says that it will tell of. Whatever else it says is no part of that, and nobody has looked at it. */
export function honoredOf({ resourceSubscriptions = [], ...filter }: Filter, said: unknown): Filter {
  if (!isRecord(said)) return {}
  const honored: Filter = {}
  for (const list of lists) if (filter[list] && said[list] === true) honored[list] = true
  const watched = new Set(
    Array.isArray(said['resourceSubscriptions']) ? (said['resourceSubscriptions'] as unknown[]) : [],
  )
  const uris = resourceSubscriptions.filter((uri) => watched.has(uri))
  return uris.length > 0 ? { ...honored, resourceSubscriptions: uris } : honored
}

/** All that a session is told of, and what it watches: it names no filter of its own. */
export function everything(watched: Iterable<string>) {
  const lists = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true } as const
  return { ...lists, resourceSubscriptions: [...watched] }
}

/** Whether a session may be told of anything by a server. */
export function mayHearAny(
  parts: Pick<PipelineParts, 'view' | 'now'>,
  of: { caller: Caller; serverId: string },
): boolean {
  return mayHear(parts, of, everything([])).hearings.length > 0
}
