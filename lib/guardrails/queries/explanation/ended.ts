import { failureText } from '#lib/audit/schema.ts'
import type { AuditEvent } from '#lib/db/generated/client.ts'
import type { ExplainedStep, Explanation } from '../../schema/explanation.ts'

// Calls that were let through: what is on record of their end.

export const endedByCaller = {
  title: 'Ended by its caller',
  meaning: 'It was let through, and its caller went away before it was answered.',
}

/** Whether an event is the record of how an allowed call, or the passing on of its result, ended. */
export function isEnd(event: string): boolean {
  return event === 'mcp.call_allowed' || event === 'mcp.result_passed'
}

/** Whether something ended the call before its answer was delivered: a rule, or that its caller went away. */
export function isEnded({ event, rule, detail }: Pick<AuditEvent, 'event' | 'rule' | 'detail'>): boolean {
  return isEnd(event) && (rule !== null || (detail as { outcome?: unknown }).outcome === 'aborted')
}

const goesOn: Record<string, string> = {
  asked: 'The server asked the agent for something; the call goes on with the answer.',
  input_required: 'The server asked the agent for something; the call goes on with the answer.',
  task: 'It goes on as a task.',
  cut_off: 'Its stream was cut off, and goes on in another one.',
  streamed: 'Its result was passed on while it arrived. How that ended is on record by itself.',
}

/** What became of its delivery, as far as it is on record: nothing is said to be done or not done that is not known. */
export function deliveryOf({
  outcome,
  message,
  facts,
}: Pick<Explanation, 'outcome' | 'message' | 'facts'>): Pick<ExplainedStep, 'outcome' | 'note'> {
  const result = typeof facts['result'] === 'string' ? facts['result'] : 'ok'
  if (outcome === 'ended') {
    const why = message ?? (result === 'aborted' ? 'Its caller went away before it was answered.' : null)
    return { outcome: 'broken_off', note: [why, sentText(facts['sent'])].filter((text) => text !== null).join(' ') }
  }
  if (Object.hasOwn(goesOn, result)) return { outcome: 'unknown', note: goesOn[result]! }
  if (result === 'tool_error' || result === 'upstream_error') {
    return { outcome: 'passed', note: message ?? failureText[result] }
  }
  return { outcome: 'passed', note: message }
}

/** Of what an earlier release recorded nobody knows whether it was sent. */
export function sentText(sent: unknown): string {
  if (sent === false) return 'It had not been sent to its server.'
  return sent === true
    ? 'It had been sent to its server, which may have carried it out.'
    : 'It may have been carried out.'
}
