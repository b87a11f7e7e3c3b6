import { err, ok, type Result } from '#lib/core/result.ts'
import type { BypassedHold } from '#lib/audit/events.ts'
import { type Allowed, decide } from '#lib/guardrails/rules/decide.ts'
import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import { holdFor } from '#lib/guardrails/rules/holds.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { HoldRuleFacts } from '#lib/guardrails/schema/held-calls.ts'
import type { PipelineParts } from './pipeline-parts.ts'

/** A call that may go on, and the rule it is not held by because that is bypassed. */
export type Going = { call: ToolCall; allowed: Allowed; bypassed: BypassedHold | null }

/**
 * Counts a call under a grant with a rate. That takes a moment, in which it may have been stopped, revoked or held: so it is decided again. Why it does not go,
 * or as what it goes, and the rule by which it has to wait now.
 */
export async function countRated(
  parts: Pick<PipelineParts, 'grantRates' | 'view' | 'now'>,
  { call, allowed }: Going,
): Promise<Result<Going & { rule: HoldRuleFacts | null }, Denial>> {
  const usedUp = await parts.grantRates.take(allowed)
  const { view } = parts
  const now = parts.now()
  const anew = decide(call, view, now)
  // Under a grant that has ended nothing is counted: then that is why, and not its rate.
  if (usedUp && anew.ok) return err(usedUp)
  return anew.ok ? ok({ call, allowed: anew.value, ...holdFor(call, anew.value, { view, now }) }) : anew
}
