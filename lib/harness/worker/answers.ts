import { z } from 'zod'
import { inTx } from '#lib/auth/ctx.ts'
import { type PendingAction, pendingActions } from '#lib/claude/rules.ts'
import type { ClaudeEvent } from '#lib/claude/schema.ts'
import { DomainError } from '#lib/core/errors.ts'
import { storable } from '#lib/core/storable.ts'
import { explainRule } from '#lib/guardrails/rules/explain.ts'
import { escalateInput, escalateToolName } from '#lib/templates/schema.ts'
import { type HarnessDeps, workerCtx } from './deps.ts'
import { escalate } from './escalations.ts'
import { appendLog, isOpen, lockRun } from './run-log.ts'

/**
 * Answers what a session waits for and nobody else will answer: the escalate tool, and calls held for a person, which are denied as long
 * as nobody can approve them. What is written is written before the answer leaves; answering twice changes nothing.
 */
export async function answerPending(
  deps: HarnessDeps,
  run: { runId: string; sessionId: string },
  events: readonly ClaudeEvent[],
): Promise<void> {
  for (const action of pendingActions(storable([...events]))) {
    if (action.waitsFor === 'sandbox') continue
    try {
      if (action.waitsFor === 'custom') await deps.claude.answerCustomTool(run.sessionId, answerTo(action))
      else await denyHeld(deps, run, action)
    } catch (error) {
      // Somebody answered in the meantime (a worker that was believed dead), or the session has ended: the next look tells.
      if (!(error instanceof DomainError && ['invalid', 'conflict', 'not_found'].includes(error.code))) throw error
      deps.log.info({ runId: run.runId, eventId: action.eventId, err: error }, 'an answer was not taken')
    }
  }
}

function answerTo(action: PendingAction): { eventId: string; text: string; isError?: boolean } {
  const { eventId } = action
  if (action.toolName !== escalateToolName) {
    return { eventId, text: refusalText('custom_tool_unknown'), isError: true }
  }
  const input = escalateInput.safeParse(action.input)
  if (!input.success) return { eventId, text: `Not escalated:\n${z.prettifyError(input.error)}`, isError: true }
  return { eventId, text: 'Escalated: a person of your team has been told. Go on with what does not depend on it.' }
}

async function denyHeld(
  deps: HarnessDeps,
  run: { runId: string; sessionId: string },
  action: PendingAction,
): Promise<void> {
  const rule = 'approval_missing'
  const name = action.mcpServerName ? `${action.mcpServerName}/${action.toolName}` : action.toolName
  const message = refusalText(rule)
  const open = await inTx(workerCtx(deps), async (tx, ctx) => {
    const locked = await lockRun(tx, run.runId)
    if (!locked || !isOpen(locked.state)) return false
    const escalation = await escalate(ctx, locked, {
      kind: 'held',
      title: `${name} was held and denied`,
      detail: { tool: action.toolName, serverId: action.mcpServerName, input: action.input, rule, message },
      sourceId: action.eventId,
      rule,
    })
    if (!escalation) return true
    await tx.run.update({ where: { id: locked.id }, data: { deniedCalls: { increment: 1 } } })
    const payload = { callId: action.eventId, decision: 'deny' as const, rule, message }
    await appendLog(tx, locked.id, [
      { kind: 'decision', payload, at: ctx.now, key: `decision:${action.eventId}` },
      escalation,
    ])
    return true
  })
  if (open) await deps.claude.confirmTool(run.sessionId, { eventId: action.eventId, allow: false, message })
}

function refusalText(id: 'approval_missing' | 'custom_tool_unknown'): string {
  const rule = explainRule(id)
  return `Denied (${id}): ${rule.explanation} ${rule.remedy}`
}
