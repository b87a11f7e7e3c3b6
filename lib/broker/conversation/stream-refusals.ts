import type { Denial } from '#lib/guardrails/schema.ts'
import { deniedRow } from '../audit/records.ts'
import { auditDenial } from '../denials.ts'
import { type PipelineParts, recorded } from '../pipeline-parts.ts'
import { type Answer, refusedAnswer, type RpcId } from '../wire.ts'
import type { Listener } from './listening.ts'

const unknownEvent: Denial = {
  rule: 'event_unknown',
  message: 'No event of this session has the id in Last-Event-ID.',
}

/** Of an event that the session does not have, or its server has no more: refused, on the record. */
export async function refuseEvent(parts: PipelineParts, listener: Listener): Promise<Answer> {
  return await refuseOnRecord(parts, listener, { status: 400, id: null, method: 'stream', denial: unknownEvent })
}

/** Of a stream beyond those that its agent may have open: refused, on the record. */
export async function refuseStream(
  parts: PipelineParts,
  listener: Listener,
  { id, method }: { id: RpcId; method: string },
): Promise<Answer> {
  const message = `${listener.agent.id} has ${parts.limits.agentStreamsMax} open streams.`
  return await refuseOnRecord(parts, listener, { status: 429, id, method, denial: { rule: 'rate_limited', message } })
}

export function refusedStream(
  parts: PipelineParts,
  { agent, serverId }: Listener,
  { status, id, denial, decisionId }: { status: number; id: RpcId; denial: Denial; decisionId?: string },
): Answer {
  return refusedAnswer(status, id, denial, {
    portalUrl: parts.portalUrl,
    agentId: agent.id,
    ...(serverId === null ? {} : { serverId }),
    ...(decisionId === undefined ? {} : { decisionId }),
  })
}

async function refuseOnRecord(
  parts: PipelineParts,
  listener: Listener,
  { method, ...refusal }: { status: number; id: RpcId; method: string; denial: Denial },
): Promise<Answer> {
  const { caller, agent, serverId } = listener
  const { id, denial } = refusal
  const call = { caller, serverId: serverId ?? '', tool: method, isMethod: true } as const
  const row = deniedRow(call, denial, { agent, tool: undefined, arguments: undefined, now: parts.now() })
  if (!(await recorded(parts, row, { happened: false }))) {
    return refusedStream(parts, listener, { status: 503, id, denial: auditDenial })
  }
  parts.metrics.refused(denial.rule, { server: call.serverId, agentClass: agent.tier })
  return refusedStream(parts, listener, { ...refusal, decisionId: String(row['id']) })
}
