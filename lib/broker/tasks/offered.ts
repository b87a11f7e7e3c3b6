import { err, type Result } from '#lib/core/result.ts'
import { type Allowed, decide } from '#lib/guardrails/rules/decide.ts'
import { isConditional } from '#lib/guardrails/rules/conditions.ts'
import type { Caller } from '#lib/guardrails/rules/facts.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { tasksMethod } from '#lib/registry/schema.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import type { Era } from '../wire.ts'
import type { BrokeredTask } from './task-ids.ts'
import { tasksExtension } from './task-methods.ts'

type Offer = { caller: Caller; serverId: string | null; era: Era }
type Declared = Readonly<Record<string, unknown>> | null | undefined

/** Whether capabilities, of a client or of a server, name the extension. */
export function namesTasks(capabilities: Declared): boolean {
  const extensions = capabilities?.['extensions']
  return typeof extensions === 'object' && extensions !== null && Object.hasOwn(extensions, tasksExtension)
}

/** What a handshake says of tasks: they are offered where the server has them, in the era of the agent, to whom is granted them. */
export function tasksOffered(
  parts: PipelineParts,
  { caller, serverId, era }: Offer,
): { extensions?: Record<string, Record<string, never>> } {
  if (era === 'legacy') return {}
  const offered = serversFor(parts, caller, serverId).some(
    (id) => serverHasTasks(parts, id) === true && mayUseTasks(parts, caller, id).ok,
  )
  return offered ? { extensions: { [tasksExtension]: {} } } : {}
}

/** Whether the methods of tasks exist at this address. A server that was not spoken to yet may have them. */
export function servesTasks(parts: PipelineParts, { caller, serverId }: Omit<Offer, 'era'>): boolean {
  return serversFor(parts, caller, serverId).some((id) => serverHasTasks(parts, id) !== false)
}

export function mayUseTasks(parts: PipelineParts, caller: Caller, serverId: string): Result<Allowed, Denial> {
  return decide({ caller, serverId, tool: tasksMethod, isMethod: true }, parts.view, parts.now())
}

/**
 * Decides about a task anew whenever something is wanted of it: its agent must still hold tasks and the tool, under the grant the task was begun with or one that holds for
 * all arguments.
 */
export function decideTask(parts: PipelineParts, caller: Caller, task: BrokeredTask): Result<Allowed, Denial> {
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
function serverHasTasks({ view, upstreams }: PipelineParts, serverId: string): boolean | null {
  const server = view.servers.get(serverId)
  const spoken = server ? upstreams.spokenTo(server) : null
  return spoken && spoken.era === 'modern' && namesTasks(spoken.capabilities)
}

function serversFor({ view }: PipelineParts, caller: Caller, serverId: string | null): readonly string[] {
  if (serverId !== null) return [serverId]
  return [...new Set((view.agents.get(caller.agentId)?.grants ?? []).map((grant) => grant.serverId))]
}
