import type { Denial } from '#lib/guardrails/schema.ts'
import { deniedRow } from '../audit/records.ts'
import { auditDenial } from '../denials.ts'
import { type PipelineParts, recorded } from '../pipeline-parts.ts'
import { type Answer, refusedAnswer } from '../wire.ts'
import type { Listener } from './listening.ts'
import { refusedStream } from './subscriptions.ts'

const denial: Denial = { rule: 'event_unknown', message: 'No event of this session has the id in Last-Event-ID.' }

/** Of an event that the session does not have, or its server has no more: refused, on the record. */
export async function refuseEvent(parts: PipelineParts, listener: Listener): Promise<Answer> {
  const { caller, agent, serverId } = listener
  const call = { caller, serverId: serverId ?? '', tool: 'stream', isMethod: true } as const
  const row = deniedRow(call, denial, { agent, tool: undefined, arguments: undefined, now: parts.now() })
  if (!(await recorded(parts, row, { happened: false }))) {
    return refusedStream(parts, listener, { status: 503, id: null, denial: auditDenial })
  }
  parts.metrics.refused(denial.rule, { server: call.serverId, agentClass: agent.tier })
  return refusedAnswer(400, null, denial, {
    portalUrl: parts.portalUrl,
    agentId: agent.id,
    decisionId: String(row['id']),
    ...(serverId === null ? {} : { serverId }),
  })
}
