import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { textOf, usageOfRequest } from '#lib/claude/rules.ts'
import type { ClaudeEvent, ClaudeEventOf } from '#lib/claude/schema.ts'
import { cutText, storable } from '#lib/core/storable.ts'
import type { Tx } from '#lib/db/client.ts'
import { explainStoredRule } from '#lib/guardrails/queries.ts'
import { escalateInput, escalateToolName, type RenderedAgent } from '#lib/templates/schema.ts'
import { type HarnessDeps, workerCtx } from './deps.ts'
import { explainNotOffered, findDenial, type FoundDenial } from './denials.ts'
import { escalate } from './escalations.ts'
import { clip, keyOfEvent, timeOfEvent, toLogPayload } from './event-log.ts'
import { guardNotes } from './guard-notes.ts'
import { endRun, type RunEnd } from './run-end.ts'
import { appendLog, isLogged, isOpen, type LockedRun, lockRun, type LogEntry } from './run-log.ts'

/** `new`: written now · `known`: written before · `ended`: the run has ended, with this event or before · `not_ours`: another worker follows it. */
export type Applied = 'new' | 'known' | 'ended' | 'not_ours'

type Scope = { deps: HarnessDeps; ctx: Ctx & { tx: Tx }; run: LockedRun }

/**
 * Takes one event of a run's session into the run: log, usage, counts, escalations, end. All of it in one transaction and once, however
 * often and by whomever the event is delivered. `writer` is the worker that follows the run; null takes the event from anybody.
 */
export function applyEvent(
  deps: HarnessDeps,
  target: { runId: string; writer: string | null },
  said: ClaudeEvent,
): Promise<Applied> {
  const event = storable(said)
  return inTx(workerCtx(deps), async (tx, ctx) => {
    const run = await lockRun(tx, target.runId)
    if (!run || !isOpen(run.state)) return 'ended'
    if (target.writer !== null && run.followedBy !== target.writer) return 'not_ours'
    const key = keyOfEvent(event)
    if (await isLogged(tx, run.id, key)) return 'known'
    const scope = { deps, ctx, run }
    const payload = toLogPayload(event)
    const shown: LogEntry[] = payload ? [{ ...payload, at: timeOfEvent(event), key }] : []
    const { entries, end } = await takeEffects(scope, event, shown)
    await appendLog(tx, run.id, entries)
    if (!end) return 'new'
    await endRun(ctx, run, { end, meter: deps.meter })
    return 'ended'
  })
}

type Effects = { entries: LogEntry[]; end?: RunEnd }

async function takeEffects(scope: Scope, event: ClaudeEvent, shown: LogEntry[]): Promise<Effects> {
  const { ctx, run } = scope
  const { tx } = ctx
  switch (event.type) {
    case 'agent.message': {
      const { text } = clip(textOf(event))
      if (text) await tx.run.update({ where: { id: run.id }, data: { summary: cutText(text, 4000) } })
      return { entries: shown }
    }
    case 'agent.tool_use':
    case 'agent.mcp_tool_use':
      await tx.run.update({ where: { id: run.id }, data: { toolCalls: { increment: 1 } } })
      if (event.type === 'agent.mcp_tool_use' || event.evaluated_permission !== 'deny') return { entries: shown }
      return { entries: [...shown, ...(await notOffered(scope, event))] }
    case 'agent.custom_tool_use':
      await tx.run.update({ where: { id: run.id }, data: { toolCalls: { increment: 1 } } })
      return { entries: [...shown, ...(await escalationOf(scope, event))] }
    case 'user.tool_result':
    case 'agent.tool_result':
      // Which of the two comes is the server's choice; a result is shown once.
      return { entries: shown.map((entry) => ({ ...entry, key: `result:${event.tool_use_id}` })) }
    case 'agent.mcp_tool_result':
      return {
        entries: [...(await resultWithDenial(scope, event, shown)), ...(await guardNotes(ctx.tx, run.id))],
      }
    case 'span.model_request_end':
      return { entries: await meteredRequest(scope, event) }
    case 'session.usage':
      await keepTotals(scope, event)
      return { entries: [] }
    case 'session.error':
      if (event.error.retry_status.type !== 'retrying') {
        await tx.run.update({ where: { id: run.id }, data: { error: cutText(clip(event.error.message).text, 2000) } })
      }
      return { entries: shown }
    case 'session.status_idle':
      return idle(run, event)
    case 'session.status_terminated':
    case 'session.deleted':
      // A run that is being stopped ends when the stop is proven, by the job that stops it.
      if (run.state === 'stopping') return { entries: shown }
      return {
        entries: shown,
        end: failed('terminated', run.error ?? 'The session ended at Claude before the run did.'),
      }
    default:
      return { entries: shown }
  }
}

async function escalationOf(scope: Scope, event: ClaudeEventOf<'agent.custom_tool_use'>): Promise<LogEntry[]> {
  if (event.name !== escalateToolName) return []
  const input = escalateInput.safeParse(event.input)
  if (!input.success) return []
  const entry = await escalate(scope.ctx, scope.run, {
    kind: 'escalate',
    title: input.data.title,
    detail: input.data,
    sourceId: event.id,
  })
  return entry ? [entry] : []
}

/** A call the broker refused is an escalation: the rule comes from its audit record, which is durable before the answer leaves. */
async function resultWithDenial(
  scope: Scope,
  event: ClaudeEventOf<'agent.mcp_tool_result'>,
  shown: LogEntry[],
): Promise<LogEntry[]> {
  if (event.is_error !== true) return shown
  const { ctx, run } = scope
  const callId = event.mcp_tool_use_id
  const denial = await findDenial(ctx.tx, run.id, callId)
  if (!denial) return shown
  const results = shown.map((entry): LogEntry =>
    entry.kind === 'tool_result' ? { ...entry, payload: { ...entry.payload, rule: denial.rule } } : entry,
  )
  return [...results, ...(await refusalOf(scope, { denial, callId, at: timeOfEvent(event) }))]
}

async function notOffered(scope: Scope, event: ClaudeEventOf<'agent.tool_use'>): Promise<LogEntry[]> {
  const { ctx, run } = scope
  const denial = await explainNotOffered(ctx.tx, { agentId: run.agentId, name: event.name, now: ctx.now })
  return refusalOf(scope, { denial, callId: event.id, at: timeOfEvent(event) })
}

/** Counts a refused call and brings it to people, with the rule. */
async function refusalOf(
  { ctx, run }: Scope,
  refused: { denial: FoundDenial; callId: string; at: Date },
): Promise<LogEntry[]> {
  const { denial, callId, at } = refused
  await ctx.tx.run.update({ where: { id: run.id }, data: { deniedCalls: { increment: 1 } } })
  const what = denial.serverId ? `${denial.serverId}/${denial.tool}` : denial.tool
  const escalation = await escalate(ctx, run, {
    kind: 'refusal',
    title: `${what}: ${(await explainStoredRule(ctx, denial.rule)).title}`,
    detail: { ...denial, callId },
    sourceId: callId,
    rule: denial.rule,
  })
  const { rule, message, decisionId } = denial
  const payload = { callId, decision: 'deny' as const, rule, message, ...(decisionId ? { decisionId } : {}) }
  return [{ kind: 'decision', payload, at, key: `decision:${callId}` }, ...(escalation ? [escalation] : [])]
}

async function meteredRequest(scope: Scope, event: ClaudeEventOf<'span.model_request_end'>): Promise<LogEntry[]> {
  const { deps, ctx, run } = scope
  const { tx } = ctx
  await tx.run.update({ where: { id: run.id }, data: { turns: { increment: 1 } } })
  const used = usageOfRequest(event)
  const at = timeOfEvent(event)
  const version = await tx.agentVersion.findUniqueOrThrow({
    where: { agentId_version: { agentId: run.agentId, version: run.agentVersion } },
    select: { rendered: true },
  })
  const { model } = version.rendered as RenderedAgent
  const { costMicros } = await deps.meter.recordUsage(tx, {
    runId: run.id,
    agentId: run.agentId,
    at,
    model,
    sourceId: event.id,
    inputTokens: used.inputTokens,
    outputTokens: used.outputTokens,
    cacheReadTokens: used.cacheReadTokens,
    // The event does not say for how long; five minutes is what Claude writes unless told otherwise.
    cacheWrite5mTokens: used.cacheWriteTokens,
    cacheWrite1hTokens: 0,
  })
  return [{ kind: 'usage', payload: { model, ...used, costMicros: costMicros?.toString() ?? null }, at, key: event.id }]
}

/** Cumulative figures only ever grow, so an old snapshot that comes late changes nothing. */
async function keepTotals({ ctx, run }: Scope, event: ClaudeEventOf<'session.usage'>): Promise<void> {
  const activeMs = Math.round((event.usage.active_seconds ?? 0) * 1000)
  await ctx.tx.$executeRaw`update "Run" set "activeMs" = greatest("activeMs", ${activeMs}) where "id" = ${run.id}::uuid`
}

function idle(run: LockedRun, event: ClaudeEventOf<'session.status_idle'>): Effects {
  const reason = event.stop_reason.type
  if (reason === 'requires_action' || run.state === 'stopping') return { entries: [] }
  switch (reason) {
    case 'end_turn':
      return { entries: [], end: { state: 'succeeded', stopReason: reason } }
    case 'budget_reached':
      return { entries: [], end: { ...failed(reason, 'The run reached its ceiling of cost.'), rule: 'run_budget' } }
    case 'refusal':
      return { entries: [], end: failed(reason, event.stop_details?.explanation ?? 'The model refused to go on.') }
    case 'retries_exhausted':
      return { entries: [], end: failed(reason, run.error ?? 'Claude gave up after repeated errors.') }
    default:
      return { entries: [], end: failed(reason, 'The session stopped for a reason this release does not know.') }
  }
}

function failed(stopReason: string, error: string): RunEnd {
  return { state: 'failed', stopReason, error }
}
