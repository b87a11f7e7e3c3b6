import type { AuditRow, CallRecord } from '../audit/records.ts'
import { passedOnRow } from '../audit/records.ts'
import { factsOfDenial } from '#lib/guardrails/rules/denial-facts.ts'
import type { BindingLimit } from '#lib/guardrails/rules/own-limits.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { denialOf } from '../call-ends.ts'
import { CallEnded, type Running } from '../in-flight.ts'
import { deadlineOf } from '../limits.ts'
import { type AgentRequest, type PipelineParts, recorded } from '../pipeline-parts.ts'
import { untilAborted } from '../until-aborted.ts'
import { UpstreamFailure } from '../upstream/failure.ts'
import type { BrokeredServer } from '../view/view.ts'
import type { Answer, StreamedBody } from '../wire.ts'
import type { LargeReply } from './large-reply.ts'
import { membersFor } from './resource-members.ts'
import { StreamGuard } from './stream-guard.ts'

type Passing = {
  large: LargeReply
  record: CallRecord
  server: BrokeredServer
  running: Running
}

/**
 * The answer to a call whose result is too large to hold. That it is passed on is on record before its first byte leaves; how it ended (whole or not, how much, what was masked) is
 * recorded before its last one does, so an answer that is complete has its record. Whatever goes wrong in between breaks the exchange off: nobody can take a part for the whole.
 */
export function passOn(parts: PipelineParts, request: AgentRequest, passing: Passing): Answer {
  return { status: 200, body: '', stream: (write) => passed(parts, request, { ...passing, write }) }
}

async function passed(
  parts: PipelineParts,
  request: AgentRequest,
  { large, record, server, running, write }: Passing & { write: StreamedBody['write'] },
): Promise<void> {
  const startedAt = performance.now()
  const { signal } = running
  const { answerReadMs, askDeadlineMs } = parts.limits
  const deadline = deadlineOf(parts.limits, { server, agent: record.agent })
  // While it moves it has its time again, and the longest of all in the end.
  const renew = (given: BindingLimit, late?: CallEnded): void => {
    const until = { longestMs: Math.max(askDeadlineMs, deadline.limit), ...(late ? { late } : {}) }
    running.extend(given, until)
    large.origin?.extend(given, until)
  }
  const endOrigin = (): void => large.origin?.controller.abort(signal.reason)
  signal.addEventListener('abort', endOrigin, { once: true })
  // Also while an agent does not read.
  const say = async (text: string): Promise<void> => {
    signal.throwIfAborted()
    const taken = text === '' ? undefined : write(text)
    if (!taken) return
    renew({ limit: answerReadMs, limitOf: 'platform' }, new CallEnded(null, 'Its agent did not read on in time.'))
    await untilAborted(taken, signal)
    renew(deadline)
  }
  const members = membersFor(request, server.id)
  const guard = new StreamGuard({ mask: server.maskSecrets, redact: large.redact })
  const end = (
    outcome: 'ok' | 'tool_error' | 'aborted' | 'upstream_error',
    about: { reason: string | null; denial: Denial | null },
  ): AuditRow => {
    const { bytes } = large
    const { findings } = guard
    const ms = performance.now() - startedAt
    const now = parts.now()
    const explained = about.denial ? factsOfDenial(about.denial, running.call, parts.view, now) : undefined
    return passedOnRow(record, { outcome, bytes, ms, ...about, explained, findings, now })
  }
  let isPassed = false
  try {
    await say(`{"jsonrpc":"2.0","id":${JSON.stringify(request.id)},"result":`)
    let begins = request.era === 'modern' && large.isLegacy
    for await (const bytes of large.result()) {
      renew(deadline)
      let text = guard.push(members?.push(bytes) ?? bytes)
      if (begins && text !== '') {
        // From 2026-07-28 on a result names its type; a later member of that name would win.
        text = text.replace('{', '{"resultType":"complete",')
        begins = false
      }
      await say(text)
    }
    await say(guard.end())
    request.telemetry.took('upstream', startedAt)
    isPassed = true
    const row = end(large.isError ? 'tool_error' : 'ok', { reason: null, denial: null })
    if (!(await recorded(parts, row, { happened: true, telemetry: request.telemetry }))) {
      throw new UpstreamFailure('refused', 'the end of its answer could not be recorded')
    }
    await say('}')
  } catch (error) {
    if (!isPassed) request.telemetry.took('upstream', startedAt)
    const ended = running.signal.reason instanceof CallEnded ? running.signal.reason : error
    const reason = ended instanceof Error ? ended.message : String(ended)
    const failed = ended instanceof UpstreamFailure && ended.limit !== null
    const { agent, tool } = record
    const denial = failed ? denialOf(parts, { server, agent, tool }, ended) : null
    const about = { reason, denial: ended instanceof CallEnded ? ended.denial : denial }
    const outcome =
      ended instanceof CallEnded && about.denial?.rule !== 'upstream_deadline' ? 'aborted' : 'upstream_error'
    await recorded(parts, end(outcome, about), { happened: true })
    throw error
  } finally {
    await large.close()
    running.end()
  }
}
