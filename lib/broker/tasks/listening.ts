import { digestOf } from '#lib/core/canonical-json.ts'
import { deniedRow, finishedRow } from '../audit/records.ts'
import type { Lasting, Listener } from '../conversation/listening.ts'
import { AskRefused } from '../conversation/refusal.ts'
import { streamDenial } from '../denials.ts'
import { guardMessage } from '../guards.ts'
import { limitsFor } from '../limits.ts'
import { mergedResult } from '../merged-results.ts'
import { type PipelineParts, recorded } from '../pipeline-parts.ts'
import { untilBegun } from '../until-aborted.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import type { RpcMessage } from '../upstream/http.ts'
import { processCaller } from '../upstream/pool.ts'
import type { BrokeredServer } from '../view/view.ts'
import { decideTask } from './offered.ts'
import { strangeTask, unknownTask } from './refusals.ts'
import { shownTask, taskRecord, withTasks } from './replies.ts'
import type { BrokeredTask } from './task-ids.ts'
import { looksAt } from './task-looks.ts'
import type { Hearing } from './task-watches.ts'

/** How many tasks one stream may be about. */
export const taskIdsMax = 100
const begunMs = 3000
const method = 'notifications/tasks'

type About = {
  server: BrokeredServer
  taskIds: readonly string[]
  lasting: Lasting
  told: (message: RpcMessage) => Promise<void>
}

/** At each server for its own tasks: which one a task is of is in its id. What is no task is one of the first, which refuses it. */
export async function listenForTasksOf(
  parts: PipelineParts,
  listener: Listener,
  { servers, taskIds, ...about }: Omit<About, 'server'> & { servers: readonly BrokeredServer[] },
): Promise<{ taskIds?: string[] }> {
  const [first] = servers
  if (!first || taskIds.length === 0) return {}
  const ofServer = new Map<BrokeredServer, string[]>()
  for (const id of taskIds) {
    const task = servers.length > 1 ? await parts.conversations.tasks.read(id) : null
    // To read an id may cost a call of the service that keeps the keys: whoever names what is no task names no more of it than they may call.
    if (servers.length > 1 && !task && parts.rates.takeForAgent(listener.agent.id)) break
    const server = servers.find((each) => each.id === task?.serverId) ?? first
    ofServer.set(server, [...(ofServer.get(server) ?? []), id])
  }
  const listening = [...ofServer].map(([server, ids]) =>
    listenForTasks(parts, listener, { server, taskIds: ids, ...about }),
  )
  const honored = (await Promise.all(listening)).flatMap((each) => each.taskIds ?? [])
  return honored.length > 0 ? { taskIds: honored } : {}
}

/**
 * Listens for how tasks are: at a server of 2026-07-28, or by looking at those of one before. What is told is what the agent would be answered if it looked: decided about, guarded, and on record before it is told.
 * Resolves with those it will tell of: a task of somebody else's is refused, on record, and left out.
 */
async function listenForTasks(
  parts: PipelineParts,
  listener: Listener,
  { server, taskIds, lasting, told }: About,
): Promise<{ taskIds?: string[] }> {
  const tasks = new Map<string, BrokeredTask>()
  const sessionTasks: BrokeredTask[] = []
  for (const id of taskIds) {
    const task = await ownTask(parts, listener, id)
    if (task?.session) sessionTasks.push(task)
    else if (task) tasks.set(task.upstreamId, task)
    // Whoever names what is none of theirs names no more of it than they may call: the rest is left out.
    else if (parts.rates.takeForAgent(listener.agent.id)) break
  }
  if (streamDenial(parts.health, server)) return {}
  const about = { server, lasting, told }
  const watched = sessionTasks.filter((task) => watch(parts, listener, { ...about, task })).map(({ id }) => id)
  const ids = [...watched, ...(tasks.size > 0 ? await listenAtServer(parts, listener, { ...about, tasks }) : [])]
  return ids.length > 0 ? { taskIds: ids } : {}
}

type AboutTasks = Omit<About, 'taskIds'> & { tasks: ReadonlyMap<string, BrokeredTask> }

async function listenAtServer(
  parts: PipelineParts,
  listener: Listener,
  { server, tasks, lasting, told }: AboutTasks,
): Promise<readonly string[]> {
  const connection = parts.upstreams.connectionTo(server, processCaller(listener.agent))
  const { promise: begun, resolve } = Promise.withResolvers<readonly string[]>()
  let honored: readonly string[] | null = null
  // What it says first holds: later nobody is told of more.
  const begin = (ids: readonly unknown[]): void => {
    honored ??= ids.map((id) => tasks.get(String(id))?.id).filter((id) => id !== undefined)
    resolve(honored)
  }
  const beginning = untilBegun(lasting.signal, {
    ms: begunMs,
    late: () => new UpstreamFailure('unreachable', `it did not begin within ${begunMs} ms`),
  })
  const listening = connection.request({
    method: 'subscriptions/listen',
    params: { notifications: { taskIds: [...tasks.keys()] } },
    envelope: { capabilities: withTasks(null) },
    signal: beginning.signal,
    room: parts.inFlight.atOnce.room(parts.limits.heldBytesMax),
    lasting: true,
    limits: limitsFor(parts.limits, { server, agent: listener.agent }),
    relay: {
      async take(message) {
        const params = (message?.['params'] ?? {}) as Record<string, unknown>
        if (message?.['method'] === 'notifications/subscriptions/acknowledged') {
          beginning.begun()
          begin((params['notifications'] as { taskIds?: unknown[] } | undefined)?.taskIds ?? [])
        }
        const task = message?.['method'] === method ? tasks.get(String(params['taskId'])) : undefined
        const shown = task ? await shownNow(parts, listener, { server, task, params }) : null
        if (shown) await told(shown)
      },
    },
  })
  const over = (): void => {
    beginning.begun()
    begin([])
    // A server that tells of no tasks ends nothing else that the agent is told of.
    if (honored?.length) lasting.end(null)
  }
  listening.then(over, over)
  return await begun
}

/** A server of 2025-11-25 lets nobody listen for that, so this replica looks. False: the agent has as many that are looked at as it may. */
function watch(
  parts: PipelineParts,
  listener: Listener,
  { server, task, lasting, told }: Omit<About, 'taskIds'> & { task: BrokeredTask },
): boolean {
  const hearing: Hearing = {
    caller: listener.caller,
    signal: lasting.signal,
    async told(params) {
      const shown = await shownNow(parts, listener, { server, task, params })
      if (shown) await told(shown)
    },
    ended: ({ isOver }) => {
      if (!isOver) lasting.end(null)
    },
  }
  const { taskWatches } = parts.conversations
  return taskWatches.add(task, hearing, { max: parts.limits.agentStreamsMax, look: looksAt(parts, task) })
}

async function ownTask(parts: PipelineParts, listener: Listener, id: string): Promise<BrokeredTask | null> {
  const task = await parts.conversations.tasks.read(id)
  const strange = strangeTask(parts, listener, task)
  const decision = task && !strange ? decideTask(parts, listener.caller, task) : null
  if (decision?.ok) return task
  const denial = strange ?? decision?.error ?? unknownTask
  const { agent, caller, serverId } = listener
  const call = { caller, serverId: serverId ?? '', tool: method, isMethod: true } as const
  const row = deniedRow(call, denial, { agent, tool: undefined, arguments: { taskId: id }, now: parts.now() })
  await recorded(parts, row, { happened: false })
  return null
}

/** A task as the agent may see it now, on record; null when it may not. */
async function shownNow(
  parts: PipelineParts,
  listener: Listener,
  { server, task, params }: { server: BrokeredServer; task: BrokeredTask; params: Record<string, unknown> },
): Promise<RpcMessage | null> {
  const { agent, caller } = listener
  const decision = decideTask(parts, caller, task)
  if (!decision.ok) return null
  const content = await shownTask(parts, listener, { server, content: params, task }).catch((error: unknown) => {
    // What it asks for is refused and on record; looking at the task says so.
    if (error instanceof AskRefused) return null
    throw error
  })
  if (!content) return null
  // Its result is in the words of the address.
  const said = listener.serverId === null ? mergedResult(server.id, 'tasks/get', content) : content
  const { message, findings } = guardMessage(server, { method, params: said })
  const tool = { ...decision.value.tool, name: method, class: 'read', isMethod: true } as const
  const { judged } = decision.value
  const record = { agent, caller, tool, judged, argumentsDigest: digestOf({ taskId: task.upstreamId }) }
  const known = taskRecord({ task, params: {} }, tool.name, { ok: true, result: content })
  const row = finishedRow(record, {
    outcome: 'ok',
    ms: 0,
    denial: message ? null : { rule: 'result_marked', message: '' },
    findings,
    task: known,
    now: parts.now(),
  })
  return (await recorded(parts, row, { happened: true })) ? message : null
}
