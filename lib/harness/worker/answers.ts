import { z } from 'zod'
import { type PendingAction, pendingActions } from '#lib/claude/rules.ts'
import type { ClaudeEvent } from '#lib/claude/schema.ts'
import { DomainError } from '#lib/core/errors.ts'
import { storable } from '#lib/core/storable.ts'
import { explainRule } from '#lib/guardrails/rules/explain.ts'
import { escalateInput, escalateToolName } from '#lib/templates/schema.ts'
import type { HarnessDeps } from './deps.ts'
import { answerHeld } from './held-answers.ts'

/**
 * Answers what a session waits for and nobody else will answer: the escalate tool, and calls held for a person, once
 * somebody has decided about them. What is written is written before the answer leaves; answering twice changes nothing.
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
      else await answerHeld(deps, run, action)
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

function refusalText(id: 'custom_tool_unknown'): string {
  const rule = explainRule(id)
  return `Denied (${id}): ${rule.explanation} ${rule.remedy}`
}
