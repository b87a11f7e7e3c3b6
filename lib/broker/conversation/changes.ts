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

/** What a server says of a page that it asked for to be opened; since 2026-07-28 there is nothing of the kind. */
export const pageDone = 'notifications/elicitation/complete'

const methodOfNotice = new Map<unknown, string>([
  [logged, 'logging/setLevel'],
  ['notifications/tools/list_changed', methodOf.toolsListChanged],
  ['notifications/prompts/list_changed', methodOf.promptsListChanged],
  ['notifications/resources/list_changed', methodOf.resourcesListChanged],
  ['notifications/resources/updated', methodOf.resourceSubscriptions],
])

/** Of the agent's own requests it is told as these were granted, and of what it may call the broker tells it itself. */
const ungranted: ReadonlySet<unknown> = new Set([
  'notifications/tools/list_changed',
  'notifications/progress',
  'notifications/cancelled',
  pageDone,
])

type Of = { caller: Caller; serverId: string }
type Deciding = Pick<PipelineParts, 'view' | 'now'>

/** Whether the agent may be told this by a server in a session of its own, over whichever stream; of what is not known never. */
export function mayBeTold(parts: Deciding, of: Of, notice: unknown): boolean {
  return ungranted.has(notice) || mayOverhear(parts, of, notice)
}

/** Whether it may be told this where it only listens: what is said of requests there could only be taken for that of others. */
export function mayOverhear(parts: Deciding, { caller, serverId }: Of, notice: unknown): boolean {
  const method = methodOfNotice.get(notice)
  return method !== undefined && decide({ caller, serverId, tool: method, isMethod: true }, parts.view, parts.now()).ok
}

export type Hearing = { call: ToolCall; allowed: Allowed }

/** What of a filter the agent may be told by a server, and by which decisions. */
export function mayHear(
  parts: Deciding,
  { caller, serverId }: Of,
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
export function mayHearAny(parts: Deciding, of: Of): boolean {
  return mayHear(parts, of, everything([])).hearings.length > 0
}
