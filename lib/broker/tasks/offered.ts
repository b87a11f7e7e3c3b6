import type { ServerCapabilities } from '@modelcontextprotocol/server'
import { err, type Result } from '#lib/core/result.ts'
import { type Allowed, decide } from '#lib/guardrails/rules/decide.ts'
import { isConditional } from '#lib/guardrails/rules/conditions.ts'
import type { Caller, ToolFacts } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { tasksMethod } from '#lib/registry/schema.ts'
import type { AgentSession } from '../endpoint/sessions.ts'
import type { Talk } from '../conversation/talk.ts'
import type { AgentRequest, PipelineParts } from '../pipeline-parts.ts'
import { metaKey } from '../upstream/envelope.ts'
import type { BrokeredTool } from '../view/view.ts'
import type { Era } from '../wire.ts'
import type { BrokeredTask } from './task-ids.ts'
import { isOfEra, type TaskMethod, tasksExtension } from './task-methods.ts'

type Offer = { caller: Caller; serverId: string | null; era: Era }
type Deciding = Pick<PipelineParts, 'view' | 'now'>
type Declared = Readonly<Record<string, unknown>> | null | undefined

/** Whether capabilities, of a client or of a server, name the extension. */
export function namesTasks(capabilities: Declared): boolean {
  const extensions = capabilities?.['extensions']
  return typeof extensions === 'object' && extensions !== null && Object.hasOwn(extensions, tasksExtension)
}

/**
 * What a handshake says of tasks: they are offered where the server has them, to whom is granted them. Those of a server of 2026-07-28 are translated for an agent with a session; their
 * list is the broker's, as the server has none. Of those of a server of 2025-11-25 an agent of 2026-07-28 has what the broker makes of its calls (task-without-session.ts). At the merged address they are offered when some server has them; which tool can be a task its definition says.
 */
export function tasksOffered(parts: PipelineParts, { caller, serverId, era }: Offer): Partial<ServerCapabilities> {
  const servers = serversFor(parts, caller, serverId)
  if (era === 'modern') {
    const has = servers.some((id) => mayHaveTasks(parts, caller, id))
    return has ? { extensions: { [tasksExtension]: {} } } : {}
  }
  if (serverId === null) {
    return servers.some((id) => mayHaveTasks(parts, caller, id)) ? { tasks: translatedTasks } : {}
  }
  if (isTranslated(parts, { caller, serverId, era })) return { tasks: translatedTasks }
  return mayHaveTasks(parts, caller, serverId) ? { tasks: sessionTasksOf(parts, serverId) ?? {} } : {}
}

/** Whether an agent may have tasks of this server, whichever it has. */
export function mayHaveTasks(parts: PipelineParts, caller: Caller, serverId: string): boolean {
  const has = serverHasTasks(parts, serverId, 'modern') === true || hasSessionTasks(parts, serverId)
  return has && mayUseTasks(parts, caller, serverId).ok
}

/** Whether the server is known to have the tasks of 2025-11-25. */
export function hasSessionTasks(parts: PipelineParts, serverId: string): boolean {
  return serverHasTasks(parts, serverId, 'legacy') === true
}

/** What a session has of tasks that are not its server's own: their list is the broker's. */
const translatedTasks = { list: {}, cancel: {}, requests: { tools: { call: {} } } }

/** Whether an agent with a session may have tasks of this server, which are those of 2026-07-28. */
export function isTranslated(
  parts: PipelineParts,
  { caller, serverId, era }: { caller: Caller; serverId: string; era: Era },
): boolean {
  return (
    era === 'legacy' && serverHasTasks(parts, serverId, 'modern') === true && mayUseTasks(parts, caller, serverId).ok
  )
}

/** Whether a tool can be called as a task of 2025-11-25 only, and this agent can have none here. */
export function onlyAsTask(
  parts: PipelineParts,
  tool: BrokeredTool,
  { caller, era, serverId, takes }: Offer & { takes: boolean },
): boolean {
  if (taskSupportOf(tool) !== 'required' || (era === 'legacy' && serverId !== null)) return false
  return !(takes && mayHaveTasks(parts, caller, tool.serverId))
}

function taskSupportOf({ definition }: BrokeredTool): unknown {
  return (definition as { execution?: { taskSupport?: unknown } }).execution?.taskSupport
}

/** Whether a call of an agent of 2026-07-28 is made a task at its server of 2025-11-25: the agent takes tasks and may have them, and the tool can be one. */
export function becomesTask(parts: PipelineParts, { talk, caller, task }: AgentRequest, tool: ToolFacts): boolean {
  if (talk.era === 'legacy' || task || tool.isMethod || !namesTasks(talk.capabilities)) return false
  const support = taskSupportOf(tool as BrokeredTool)
  if (support !== 'optional' && support !== 'required') return false
  return hasSessionTasks(parts, tool.serverId) && mayUseTasks(parts, caller, tool.serverId).ok
}

/** Whether a client can be given a task: one with a session asks for it, one of 2026-07-28 says so with each request. */
export function takesAny({ era, capabilities }: Pick<Talk, 'era' | 'capabilities'>): boolean {
  return era === 'legacy' || namesTasks(capabilities)
}

/** Why such a call is refused. */
export function taskNotTranslated({ serverId, name }: BrokeredTool): Denial {
  const message = `${serverId}/${name} runs only as a task of 2025-11-25, in a session that its server keeps, and none can be had of it here.`
  return { rule: 'task_not_translated', message }
}

/** Whether a request of 2026-07-28 says that its client takes tasks. */
export function takesTasks(params: Record<string, unknown>): boolean {
  const meta = (params['_meta'] ?? {}) as Record<string, Declared>
  return namesTasks(meta[metaKey.capabilities])
}

/** Whether the method exists at this address. A server that was not spoken to yet may have it. */
export function servesTasks(
  parts: PipelineParts,
  { caller, serverId, era }: Offer,
  { method, session }: { method: TaskMethod; session: AgentSession | null | undefined },
): boolean {
  if (!isOfEra(method, era)) return false
  if (era === 'modern') return mayHaveTasksAny(parts, caller, serverId)
  if (serverId !== null && serverHasTasks(parts, serverId, 'modern') === true)
    return method !== 'tasks/list' || !!session
  if (serverId === null) return !!session && mayHaveTasksAny(parts, caller, null)
  if (!session?.upstream || serverHasTasks(parts, serverId, era) === false) return false
  const tasks = sessionTasksOf(parts, serverId)
  if (!tasks || (method !== 'tasks/list' && method !== 'tasks/cancel')) return true
  return tasks[method === 'tasks/list' ? 'list' : 'cancel'] !== undefined
}

/** Whether the list of tasks is the server's: at its own address, of one that has tasks of 2025-11-25. */
export function isServersOwn(parts: PipelineParts, { serverId }: Pick<AgentRequest, 'serverId'>): boolean {
  return serverId !== null && serverHasTasks(parts, serverId, 'modern') !== true
}

/** Servers at this address of whose tasks an agent may have some. */
export function taskServersOf(parts: PipelineParts, { caller, serverId }: Pick<AgentRequest, 'caller' | 'serverId'>) {
  return serversFor(parts, caller, serverId).filter((id) => mayHaveTasks(parts, caller, id))
}

/** Whether a session is for tasks as well, so that it needs one of its own at the server. */
export function keepsTasks(parts: PipelineParts, caller: Caller, serverId: string): boolean {
  return serverHasTasks(parts, serverId, 'legacy') === true && mayUseTasks(parts, caller, serverId).ok
}

/** That a client of 2025-11-25 asks for a task goes on where tasks are offered so; anywhere else the call is one like any other. */
export function withoutHint(parts: PipelineParts, request: AgentRequest, serverId: string): AgentRequest {
  const { params, talk, caller } = request
  if (params['task'] === undefined) return request
  if (isTranslated(parts, { caller, serverId, era: talk.era })) return request
  const { session } = talk
  // At the merged address it begins with the task.
  const own = talk.era === 'legacy' && (request.serverId === null ? session : session?.upstream)
  const isKnown =
    request.serverId === null ? hasSessionTasks(parts, serverId) : serverHasTasks(parts, serverId, 'legacy') !== false
  if (own && isKnown && mayUseTasks(parts, caller, serverId).ok) return request
  const { task: _, ...rest } = params
  return { ...request, params: rest }
}

export function mayUseTasks(parts: Deciding, caller: Caller, serverId: string): Result<Allowed, Denial> {
  return decide({ caller, serverId, tool: tasksMethod, isMethod: true }, parts.view, parts.now())
}

/**
 * Decides about a task anew whenever something is wanted of it: its agent must still hold tasks and the tool, under the grant the task was begun with or one that holds for
 * all arguments.
 */
export function decideTask(
  parts: Deciding,
  caller: Caller,
  task: Pick<BrokeredTask, 'serverId' | 'tool' | 'grantId'>,
): Result<Allowed, Denial> {
  const { serverId, tool, grantId } = task
  const tasks = mayUseTasks(parts, caller, serverId)
  if (!tasks.ok) return tasks
  const decision = decide({ caller, serverId, tool }, parts.view, parts.now())
  if (!decision.ok) return decision
  if (decision.value.grants.some((grant) => grant.id === grantId || !isConditional(grant))) return decision
  const message = `The grant under which the task of ${serverId}/${tool} was begun is not in force any more, and others hold for certain arguments only.`
  return err({ rule: 'grant_missing', message })
}

/** Null: it is not known yet. */
function serverHasTasks(parts: PipelineParts, serverId: string, era: Era): boolean | null {
  const spoken = spokenTo(parts, serverId)
  if (!spoken || spoken.era !== era) return spoken && false
  const { capabilities } = spoken
  return era === 'modern' ? namesTasks(capabilities) : capabilities.tasks?.requests?.tools?.call !== undefined
}

/** What a server says of its tasks in sessions; of what it wants of its clients nothing is passed on. */
function sessionTasksOf(parts: PipelineParts, serverId: string): ServerCapabilities['tasks'] | null {
  const tasks = spokenTo(parts, serverId)?.capabilities.tasks
  if (!tasks) return null
  const { list, cancel } = tasks
  return { ...(list ? { list: {} } : {}), ...(cancel ? { cancel: {} } : {}), requests: { tools: { call: {} } } }
}

function mayHaveTasksAny(parts: PipelineParts, caller: Caller, serverId: string | null): boolean {
  return serversFor(parts, caller, serverId).some((id) => {
    return serverHasTasks(parts, id, 'modern') !== false || serverHasTasks(parts, id, 'legacy') !== false
  })
}

function spokenTo({ view, upstreams }: PipelineParts, serverId: string) {
  const server = view.servers.get(serverId)
  return server ? upstreams.spokenTo(server) : null
}

function serversFor({ view }: PipelineParts, caller: Caller, serverId: string | null): readonly string[] {
  if (serverId !== null) return [serverId]
  return [...new Set((view.agents.get(caller.agentId)?.grants ?? []).map((grant) => grant.serverId))]
}
