import { inTx } from '#lib/auth/ctx.ts'
import type { PendingAction } from '#lib/claude/rules.ts'
import { holdCall, lookAtHeldCalls, settleHeldCall } from '#lib/guardrails/commands.ts'
import { explainRule } from '#lib/guardrails/rules/explain.ts'
import type { RuleId } from '#lib/guardrails/schema.ts'
import type { ExactCall } from '#lib/guardrails/schema/held-calls.ts'
import { type HarnessDeps, workerCtx } from './deps.ts'
import { escalate } from './escalations.ts'
import { appendLog, isLogged, isOpen, type LockedRun, lockRun } from './run-log.ts'

type Verdict = { allow: true } | { allow: false; rule: RuleId; message: string }

/** Whoever may decide when a template asks before a tool, and how long they may take. */
const askRule = {
  id: null,
  title: 'The template asks before this tool',
  deciderRoles: ['team_lead', 'security', 'on_call', 'platform_admin'],
  excludedDeciders: ['starter', 'accountable'],
  decideSeconds: 1800,
  onTimeout: 'deny',
} as const

/**
 * Puts a call that Claude asks about before people, once, and answers when they have decided or their time is over. Called again and again while the session
 * waits; what was decided is read again, so that an answer that did not arrive is given again.
 */
export async function answerHeld(
  deps: HarnessDeps,
  { runId, sessionId }: { runId: string; sessionId: string },
  action: PendingAction,
): Promise<void> {
  const call = await inTx(workerCtx(deps), async (tx, ctx) => {
    const run = await lockRun(tx, runId)
    if (!run || !isOpen(run.state)) return null
    const exact = exactCall(run, action)
    const name = exact.serverId ? `${exact.serverId}/${exact.tool}` : exact.tool
    const escalation = await escalate(ctx, run, {
      kind: 'held',
      title: `${name} waits for a person`,
      detail: { tool: exact.tool, serverId: exact.serverId, input: action.input },
      sourceId: action.eventId,
    })
    if (escalation) await appendLog(tx, run.id, [escalation])
    return exact
  })
  if (!call) return
  const ctx = workerCtx(deps)
  const ticket = await holdCall(ctx, { source: 'claude', call, class: await classOf(deps, call), rule: askRule })
  if (ticket.state === 'waiting') {
    const ended = await lookAtHeldCalls(ctx, [ticket.heldCallId])
    if (ended.length === 0) return
  }
  const settled = await settleHeldCall(ctx, { heldCallId: ticket.heldCallId, call, by: 'worker' })
  const verdict = verdictOf(settled)
  await record(deps, { runId, action, verdict })
  const { eventId } = action
  if (verdict.allow) await deps.claude.confirmTool(sessionId, { eventId, allow: true })
  else await deps.claude.confirmTool(sessionId, { eventId, allow: false, message: verdict.message })
}

function verdictOf(settled: Awaited<ReturnType<typeof settleHeldCall>>): Verdict {
  switch (settled.end) {
    case 'released':
      return { allow: true }
    case 'rejected':
      return refused('call_rejected', `${settled.by} rejected it: ${settled.note}`)
    case 'expired':
      return refused('call_hold_expired')
    case 'cancelled':
      return refused('call_hold_cancelled')
    case 'altered':
      return refused('held_call_altered')
  }
}

function refused(rule: RuleId, said?: string): Verdict {
  const { explanation, remedy } = explainRule(rule)
  return { allow: false, rule, message: `Denied (${rule}): ${said ?? explanation} ${remedy}` }
}

async function record(
  deps: HarnessDeps,
  { runId, action, verdict }: { runId: string; action: PendingAction; verdict: Verdict },
): Promise<void> {
  if (verdict.allow) return
  const { rule, message } = verdict
  await inTx(workerCtx(deps), async (tx, ctx) => {
    const run = await lockRun(tx, runId)
    if (!run || !isOpen(run.state)) return
    const payload = { callId: action.eventId, decision: 'deny' as const, rule, message }
    const entry = { kind: 'decision' as const, payload, at: ctx.now, key: `decision:${action.eventId}` }
    if (await isLogged(tx, run.id, entry.key)) return
    await appendLog(tx, run.id, [entry])
    await tx.run.update({ where: { id: run.id }, data: { deniedCalls: { increment: 1 } } })
  })
}

/** Claude's event is the call: what it asks about cannot change. */
function exactCall(run: LockedRun, action: PendingAction): ExactCall {
  return {
    agentId: run.agentId,
    agentVersion: run.agentVersion,
    runId: run.id,
    serverId: action.mcpServerName ?? null,
    tool: action.toolName,
    definitionHash: action.eventId,
    arguments: { ...action.input },
    policyVersion: 'claude',
  }
}

async function classOf(deps: HarnessDeps, { serverId, tool }: ExactCall) {
  if (serverId === null) return null
  const found = await deps.db.mcpTool.findUnique({
    where: { serverId_name: { serverId, name: tool } },
    select: { class: true },
  })
  return found?.class ?? null
}
