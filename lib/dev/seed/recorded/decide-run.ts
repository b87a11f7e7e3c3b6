import { callCost } from '#lib/broker/audit/call-cost.ts'
import { observationOf, observing } from '#lib/broker/audit/observations.ts'
import { type AuditRow, type CallRecord, deniedRow, finishedRow, intendedRow } from '#lib/broker/audit/records.ts'
import { situationNamedBy } from '#lib/broker/audit/situations.ts'
import type { BrokeredServer, BrokerView } from '#lib/broker/view/view.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import { type Allowed, decide } from '#lib/guardrails/rules/decide.ts'
import { factsOfDenial } from '#lib/guardrails/rules/denial-facts.ts'
import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import { holdFor } from '#lib/guardrails/rules/holds.ts'
import type { Situation } from '#lib/guardrails/rules/situation.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { demoEventId } from '../demo-uuid.ts'
import { type Hold, planHold } from './holds.ts'
import type { PlannedCall, PlannedRun } from './plan-runs.ts'

/** A row of the log, with what is stored beside it. */
export type Recorded = { id: string; at: Date; json: string; situation: Situation | null; observation: string | null }
/** A call that waited for a person: what is on record after that follows from what became of it. */
export type Held = { at: Date; run: PlannedRun; call: ToolCall; allowed: Allowed; hold: Hold; planned: PlannedCall }
export type DecidedRun = {
  run: PlannedRun
  version: number
  recorded: Recorded[]
  held: Held[]
  calls: number
  denied: number
}

/** Decides each call of a run as brokers do, and records what they do. What waits for a person keeps the rest of the run waiting. */
export function decideRun(planned: PlannedRun, view: BrokerView): DecidedRun {
  const version = view.agents.get(planned.agent.id)!.currentVersion
  const decided: DecidedRun = { run: planned, version, recorded: [], held: [], calls: 0, denied: 0 }
  const caller = { agentId: planned.agent.id, version, runId: planned.id }
  let waitedMs = 0
  for (const each of planned.calls) {
    const at = new Date(each.at.getTime() + waitedMs)
    const call: ToolCall = { caller, serverId: each.server, tool: each.tool, arguments: each.arguments }
    const decision = decide(call, view, at)
    if (!decision.ok) {
      decided.recorded.push(refused(call, decision.error, { view, at }))
      decided.denied += 1
    } else {
      const { rule, bypassed } = holdFor(call, decision.value, { view, now: at })
      const hold = rule && planHold(rule, each, planned.random)
      // By a rule of somebody's own nobody has decided.
      if (rule && !hold) continue
      if (hold) {
        decided.held.push({ at, run: planned, call, allowed: decision.value, hold, planned: each })
        waitedMs += hold.waitMs
        if (hold.decision === 'reject' || hold.decision === 'expire') decided.denied += 1
      } else decided.recorded.push(...allowed(call, { ...decision.value, bypassed }, { view, planned: each, at }))
    }
    decided.calls += 1
  }
  return { ...decided, run: { ...planned, endedAt: new Date(planned.endedAt.getTime() + waitedMs) } }
}

type At = { view: BrokerView; at: Date }

export function refused(call: ToolCall, denial: Denial, { view, at }: At): Recorded {
  const agent = view.agents.get(call.caller.agentId)
  const tool = view.servers.get(call.serverId)?.tools.get(call.tool)
  const explained = factsOfDenial(denial, call, view, at)
  return recordedAs(deniedRow(call, denial, { agent, tool, arguments: call.arguments, explained, now: at }), call, at)
}

/** What changes something is on record before it is sent, and everything when it has ended. */
export function allowed(
  call: ToolCall,
  { agent, server, tool, judged, bypassed }: Allowed & Pick<CallRecord, 'bypassed'>,
  { planned, at }: At & { planned: PlannedCall },
): Recorded[] {
  const argumentsDigest = digestOf(call.arguments ?? {})
  const record: CallRecord = { agent, caller: call.caller, tool, argumentsDigest, judged, bypassed: bypassed ?? null }
  const outcome = planned.fails ? 'tool_error' : 'ok'
  const cost = callCost(tool, { outcome, denial: null, sent: true })
  const endedAt = new Date(at.getTime() + planned.ms)
  const finished = finishedRow(record, { outcome, ms: planned.ms, denial: null, findings: null, cost, now: endedAt })
  const { isPrivate } = server as BrokeredServer
  const row = observing(finished, { tool, given: call.arguments, isPrivate })
  const intended = tool.class === 'read' ? [] : [recordedAs(intendedRow(record, at), call, at)]
  return [...intended, recordedAs(row, call, endedAt)]
}

/** The row as the broker made it, with an id that is the same on every machine, and marked as what nobody did. */
function recordedAs(row: AuditRow, { caller, serverId, tool }: ToolCall, at: Date): Recorded {
  const id = demoEventId(at, `${String(row['event'])} ${caller.runId} ${serverId} ${tool} ${at.getTime()}`)
  const detail = { ...(row['detail'] as object), demo: true }
  return {
    id,
    at,
    json: JSON.stringify({ ...row, id, detail }),
    situation: situationNamedBy(row),
    observation: observationOf(row),
  }
}
