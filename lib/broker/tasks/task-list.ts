import { digestOf } from '#lib/core/canonical-json.ts'
import { parseExactly } from '#lib/core/exact-json.ts'
import { decrypt, encrypt } from '#lib/core/envelope.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { z } from 'zod'
import { finishedRow } from '../audit/records.ts'
import { Talk } from '../conversation/talk.ts'
import { auditDenial } from '../denials.ts'
import { deny, refuse, refuseParams } from '../deny.ts'
import { type AgentRequest, invalidParamsCode, type PipelineParts, recorded } from '../pipeline-parts.ts'
import { untilAborted } from '../until-aborted.ts'
import { type Answer, resultAnswer, type RpcError } from '../wire.ts'
import { decideTask, hasSessionTasks, mayUseTasks, taskServersOf } from './offered.ts'
import type { TaskPlace } from './task-book.ts'
import type { BrokeredTask } from './task-ids.ts'

// `tasks/list` of 2025-11-25 where no server has the list: at the merged address, and of a server of 2026-07-28.

/** Each is looked at. */
const pageMax = 16
const databaseMs = 5000
const method = 'tasks/list'
const cursorContext = 'mcp-task-list'
const place = z.tuple([z.number(), z.string()])

type LookAt = (parts: PipelineParts, request: AgentRequest, task: BrokeredTask) => Promise<Answer>
type Seen = { serverId: string; task: unknown; error: RpcError | null }

/**
 * The tasks that this agent began in this run and may still ask for, in the order they began. How each is says its server: it is looked at as if the agent had asked for it, decided about, limited and on
 * record. One whose server does not answer is left out, and the page says so.
 */
export async function listOwnTasks(parts: PipelineParts, request: AgentRequest, lookAt: LookAt): Promise<Answer> {
  const { caller, agent, serverId, id, era, params } = request
  const after = placeIn(request, params['cursor'])
  if (after === undefined) return refuseParams(parts, request, 'The cursor is not one of this list.')
  const call = { caller, serverId: serverId ?? '', tool: method, isMethod: true } as const
  const tooOften = parts.rates.takeForAgent(caller.agentId)
  const servers = taskServersOf(parts, request)
  const none: Denial = { rule: 'grant_missing', message: `${agent.id} holds no grant of tasks that covers ${method}.` }
  const denial = tooOften ?? (servers.length === 0 ? none : null)
  if (denial) return deny(parts, request, { call, denial })
  const page = await pageAfter(parts, request, after)
  if (!page) {
    const unknown: Denial = { rule: 'audit_unavailable', message: 'The tasks cannot be looked up now.' }
    return refuse(parts, request, unknown)
  }
  const shown = page.slice(0, pageMax)
  const tasks = await Promise.all(shown.map(({ taskId }) => parts.conversations.tasks.read(taskId)))
  const mine = tasks.filter((task) => task !== null).filter((task) => isHere(parts, request, task))
  const seen = await Promise.all(mine.map((task) => seenNow(parts, request, { task, lookAt })))
  const listedAt = new Set(mine.map((task) => task.serverId))
  if (!(await onRecord(parts, request, listedAt.size > 0 ? [...listedAt] : servers.slice(0, 1))))
    return refuse(parts, request, auditDenial)
  const last = shown.at(-1)
  const omitted = new Map(seen.flatMap(({ serverId: at, error }) => (error ? [[at, { serverId: at, ...error }]] : [])))
  const result = {
    tasks: seen.flatMap(({ task }) => (task ? [task] : [])),
    ...(page.length > pageMax && last ? { nextCursor: cursorAt(request, last) } : {}),
    ...(omitted.size === 0 ? {} : { _meta: { 'wheelhouse/omitted': [...omitted.values()] } }),
  }
  return resultAnswer(era, id, result)
}

/** One more than a page shows, when there are more; null when that cannot be known in time. */
async function pageAfter(parts: PipelineParts, { caller, serverId, gone }: AgentRequest, after: TaskPlace | null) {
  const late = AbortSignal.any([gone, AbortSignal.timeout(databaseMs)])
  const page = parts.conversations.taskBook.page(caller, { serverId, after, max: pageMax + 1 })
  return await untilAborted(page, late).catch((error: unknown) => {
    parts.holding.log.warn({ err: error }, 'the tasks of an agent could not be looked up')
    return null
  })
}

/** Whether it can be asked for at this address, and the agent still may. One of a session at a server's own address is known there. */
function isHere(parts: PipelineParts, { caller }: AgentRequest, task: BrokeredTask): boolean {
  if (!task.session && hasSessionTasks(parts, task.serverId)) return false
  return parts.view.servers.get(task.serverId)?.url === task.url && decideTask(parts, caller, task).ok
}

async function seenNow(
  parts: PipelineParts,
  request: AgentRequest,
  { task, lookAt }: { task: BrokeredTask; lookAt: LookAt },
): Promise<Seen> {
  const { era, talk, serverId } = request
  const { stream, session } = talk
  // What is found in the words of one server is not another's, and a list asks for nothing.
  const own = new Talk(era, {}, { stream, session, merged: serverId === null })
  const asked: AgentRequest = { ...request, talk: own, deadlineMs: parts.limits.listDeadlineMs }
  const { body } = await lookAt(parts, asked, task)
  const { result, error } = parseExactly(body) as { result?: Record<string, unknown>; error?: RpcError }
  // Its server has forgotten it.
  const isUnknown = error?.code === invalidParamsCode
  return { serverId: task.serverId, task: result ?? null, error: error && !isUnknown ? error : null }
}

async function onRecord(parts: PipelineParts, request: AgentRequest, serverIds: readonly string[]): Promise<boolean> {
  const { caller, agent } = request
  const now = parts.now()
  const rows = serverIds.flatMap((serverId) => {
    const decision = mayUseTasks(parts, caller, serverId)
    if (!decision.ok) return []
    const tool = { ...decision.value.tool, name: method, class: 'read', isMethod: true } as const
    const record = { agent, caller, tool, judged: decision.value.judged, argumentsDigest: digestOf({}) }
    return [finishedRow(record, { outcome: 'ok', ms: 0, denial: null, findings: null, now })]
  })
  const durable = await Promise.all(rows.map((row) => recorded(parts, row, { happened: false })))
  return durable.every(Boolean)
}

/** Null for the beginning; undefined for what is no cursor of this list in this session. */
function placeIn({ talk, serverId }: AgentRequest, cursor: unknown): TaskPlace | null | undefined {
  if (cursor === undefined) return null
  const key = talk.session?.key
  if (typeof cursor !== 'string' || !key) return undefined
  try {
    const text = decrypt(Buffer.from(cursor, 'base64url'), key, contextOf(serverId)).toString('utf8')
    const [begunAt, after] = place.parse(JSON.parse(text))
    return { begunAt, key: after }
  } catch {
    return undefined
  }
}

function cursorAt({ talk, serverId }: AgentRequest, { begunAt, key }: TaskPlace): string {
  const text = Buffer.from(JSON.stringify([begunAt, key]))
  return Buffer.from(encrypt(text, talk.session!.key, contextOf(serverId))).toString('base64url')
}

function contextOf(serverId: string | null): string {
  return `${cursorContext}:${serverId ?? ''}`
}
