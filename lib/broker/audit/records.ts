import { auditRow } from '#lib/audit/commands.ts'
import type { AuditEvents, BypassedHold } from '#lib/audit/events.ts'
import { anonymous, systemActor } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import type { AgentFacts, Caller, ToolCall, ToolFacts } from '#lib/guardrails/rules/facts.ts'
import type { ResultFindings } from '#lib/guardrails/rules/guard-result.ts'
import { grantFor } from '#lib/guardrails/rules/decide.ts'
import { type Judged, judgedOf } from '#lib/guardrails/rules/situation.ts'
import { stepOf } from '#lib/guardrails/rules/steps.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { ExplainedFacts } from '#lib/guardrails/schema/explanation.ts'
import { judgedDetail, naming } from './situations.ts'
import type { RefusedStranger } from './strangers.ts'

// The broker's rows of the audit log. Arguments are recorded as a digest, never as they are.

/** As `audit_append` takes it. */
export type AuditRow = ReturnType<typeof auditRow>

/** `streamed`: the result is passed on while it arrives, and its end is a row of its own; `asked`: the server asked the agent for something; `input_required`: the call goes on when the agent has answered; `task`: it goes on in the background; `cut_off`: it goes on in another stream. */
export type CallOutcome =
  | 'ok'
  | 'tool_error'
  | 'upstream_error'
  | 'aborted'
  | 'asked'
  | 'input_required'
  | 'task'
  | 'cut_off'
  | 'streamed'

/** A task as it is recorded: a digest of its id, which is as good as its result; and how many requests to the server it took, if more than one. */
export type TaskRecord = { id: string; tool: string; status: string | null; requests?: number }

/** What a call of a tool with a price costs. */
export type CallCost = Required<Pick<AuditEvents['mcp.call_allowed'], 'listUnitPriceMicros' | 'billedCostMicros'>>

/** What a call is recorded with, from its decision to its end. */
export type CallRecord = {
  agent: AgentFacts
  caller: Caller
  tool: ToolFacts
  argumentsDigest: string
  /** What the policies permitted. */
  judged: Judged
  /** What let it through where a rule would have held it. */
  bypassed?: BypassedHold | null
  /** The trace the call belongs to. */
  traceId?: string | undefined
  /** The row of its end, where that may be written by more than one broker. */
  endId?: string
}

export function intendedRow(record: CallRecord, now: Date): AuditRow {
  const { tool, argumentsDigest } = record
  const detail = { argumentsDigest, class: tool.class, ...traceOf(record), ...bypassedOf(record) }
  return auditRow({ actor: actorOf(record.agent), now }, { event: 'mcp.call_intended', ...subjectOf(record), detail })
}

export function finishedRow(
  record: CallRecord,
  end: {
    outcome: CallOutcome
    ms: number
    denial: Denial | null
    /** What mattered to the denial; left out: what it says itself. */
    explained?: ExplainedFacts | undefined
    /** Whether it had left for its server, where that is known. */
    sent?: boolean
    findings: ResultFindings | null
    task?: TaskRecord | null
    cost?: CallCost | null
    now: Date
  },
): AuditRow {
  const { tool, argumentsDigest } = record
  const detail = {
    argumentsDigest,
    class: tool.class,
    outcome: end.outcome,
    ms: Math.round(end.ms),
    grantId: grantFor(record.judged.question.grants).id,
    ...(end.task ? { task: { ...end.task, status: end.task.status && auditText(end.task.status, 40) } } : {}),
    ...end.cost,
    ...(end.denial ? { message: auditText(end.denial.message, 1000), ...explainedOf(end.denial, end.explained) } : {}),
    ...(end.sent !== undefined && (end.denial || end.outcome === 'aborted') ? { sent: end.sent } : {}),
    ...traceOf(record),
    ...bypassedOf(record),
    ...foundOf(end.findings),
    ...judgedDetail(record.judged, end.now),
  }
  const about = { ...subjectOf(record), decision: 'allow', ...ruleOf(end.denial), detail } as const
  const who = { actor: actorOf(record.agent), now: end.now, id: isPart(end.outcome) ? undefined : record.endId }
  const row = auditRow(who, { event: 'mcp.call_allowed', ...about })
  return naming(row, record.judged)
}

/** The call itself goes on. */
function isPart(outcome: CallOutcome): boolean {
  return outcome === 'cut_off' || outcome === 'asked' || outcome === 'input_required'
}

/** How a result ended that was passed on while it arrived, or that stayed here after its call was on record. */
export function passedOnRow(
  record: CallRecord,
  end: {
    outcome: 'ok' | 'tool_error' | 'aborted' | 'upstream_error'
    withheld?: boolean
    bytes: number
    ms: number
    /** Why it is not whole. */
    reason: string | null
    denial: Denial | null
    explained?: ExplainedFacts | undefined
    findings: ResultFindings | null
    now: Date
  },
): AuditRow {
  const detail = {
    argumentsDigest: record.argumentsDigest,
    outcome: end.outcome,
    ...(end.withheld ? { withheld: true as const } : {}),
    bytes: end.bytes,
    ms: Math.round(end.ms),
    ...(end.reason === null ? {} : { reason: auditText(end.reason, 1000) }),
    ...(end.denial ? explainedOf(end.denial, end.explained) : {}),
    ...traceOf(record),
    ...foundOf(end.findings),
  }
  const about = { event: 'mcp.result_passed', ...subjectOf(record), ...ruleOf(end.denial), detail } as const
  return auditRow({ actor: actorOf(record.agent), now: end.now }, about)
}

function ruleOf(denial: Denial | null) {
  return denial ? { rule: denial.rule } : {}
}

/** How many secrets of a kind were masked and which marks were seen; nothing when there was nothing. */
export function foundOf(findings: ResultFindings | null) {
  if (!findings) return {}
  const { masked, marks } = findings
  return { ...(Object.keys(masked).length > 0 ? { masked } : {}), ...(marks.length > 0 ? { marks } : {}) }
}

export type DeniedFacts = {
  agent: AgentFacts | undefined
  tool: ToolFacts | undefined
  arguments: unknown
  /** What mattered; left out: what the denial says itself. */
  explained?: ExplainedFacts
  traceId?: string | undefined
  /** How many calls the row is about, when it is not one. */
  count?: number
  now: Date
}

export function deniedRow(call: ToolCall, denial: Denial, facts: DeniedFacts): AuditRow {
  const { agent, tool, now } = facts
  const name = auditText(call.tool)
  const judged = judgedOf(denial)
  const row = auditRow(
    { actor: agent ? actorOf(agent) : agentById(call.caller.agentId), now },
    {
      event: 'mcp.call_denied',
      subject: { kind: 'tool', id: call.serverId ? `${call.serverId}/${name}` : name, name },
      agentId: call.caller.agentId,
      ...(agent ? { teamId: agent.teamId } : {}),
      ...(call.serverId ? { serverId: call.serverId } : {}),
      tool: name,
      ...(call.caller.runId ? { runId: call.caller.runId } : {}),
      decision: 'deny',
      rule: denial.rule,
      detail: {
        argumentsDigest: facts.arguments === undefined ? null : digestOf(facts.arguments),
        class: tool?.class ?? null,
        message: auditText(denial.message, 1000),
        ...(facts.count === undefined ? {} : { count: facts.count }),
        ...explainedOf(denial, facts.explained),
        ...traceOf(facts),
        ...judgedDetail(judged, now),
      },
    },
  )
  return naming(row, judged)
}

export function listedRow(
  caller: Caller,
  listing: { agent: AgentFacts; serverId: string; listed: number; hidden: number; now: Date },
): AuditRow {
  const { agent, serverId, listed, hidden, now } = listing
  return auditRow(
    { actor: actorOf(agent), now },
    {
      event: 'mcp.tools_listed',
      ...serverOf({ agent, caller }, serverId),
      detail: { listed, hidden },
    },
  )
}

/** The merged list of an agent that holds no grant. */
export function listedNothingRow(caller: Caller, { agent, now }: { agent: AgentFacts; now: Date }): AuditRow {
  return auditRow(
    { actor: actorOf(agent), now },
    {
      event: 'mcp.tools_listed',
      subject: { kind: 'agent', id: agent.id, name: agent.name },
      agentId: agent.id,
      teamId: agent.teamId,
      ...(caller.runId ? { runId: caller.runId } : {}),
      detail: { listed: 0, hidden: 0 },
    },
  )
}

/** What came of cancelling a task whose agent may not go on; `rule`: why it may not. */
export function taskEndedRow(ended: {
  agent: { id: string; teamId: string | null }
  runId: string | null
  tool: { serverId: string; name: string }
  rule: Denial['rule']
  detail: AuditEvents['mcp.task_ended']
  now: Date
}): AuditRow {
  const { agent, runId, tool, rule, detail, now } = ended
  return auditRow(
    { actor: systemActor('broker'), now },
    {
      event: 'mcp.task_ended',
      subject: { kind: 'tool', id: `${tool.serverId}/${tool.name}`, name: tool.name },
      agentId: agent.id,
      ...(agent.teamId === null ? {} : { teamId: agent.teamId }),
      serverId: tool.serverId,
      tool: tool.name,
      ...(runId === null ? {} : { runId }),
      rule,
      // How its server says that the task is, or why it does not cancel it.
      detail: {
        ...detail,
        status: detail.status && auditText(detail.status, 40),
        message: auditText(detail.message, 500),
      },
    },
  )
}

/** A caller whose token is good and who may not speak to the broker all the same. */
export function callerRefusedRow(
  caller: Caller,
  denial: Denial,
  facts: {
    agent: AgentFacts | undefined
    serverId: string | null
    count: number
    explained?: ExplainedFacts | undefined
    now: Date
  },
): AuditRow {
  const { agent, serverId, count, explained, now } = facts
  return auditRow(
    { actor: agent ? actorOf(agent) : agentById(caller.agentId), now },
    {
      event: 'mcp.caller_refused',
      subject: { kind: 'agent', id: caller.agentId, name: agent?.name ?? caller.agentId },
      agentId: caller.agentId,
      ...(agent ? { teamId: agent.teamId } : {}),
      ...(serverId === null ? {} : { serverId: auditText(serverId) }),
      decision: 'deny',
      rule: denial.rule,
      detail: { reason: auditText(denial.message, 1000), count, ...explainedOf(denial, explained) },
    },
  )
}

/** Callers that are no agent, counted together. */
export function strangersRefusedRow(
  { denial, address, person = anonymous }: RefusedStranger,
  { count, now }: { count: number; now: Date },
): AuditRow {
  return auditRow(
    { actor: person, now },
    {
      event: 'mcp.caller_refused',
      subject: { kind: 'address', id: address, name: address },
      decision: 'deny',
      rule: denial.rule,
      detail: { reason: auditText(denial.message, 1000), count },
    },
  )
}

/** Text of a caller as PostgreSQL's jsonb takes it: no NUL, no lone surrogate, not endless. */
export function auditText(text: string, lengthMax = 200): string {
  return text.slice(0, lengthMax).replaceAll('\0', '\uFFFD').toWellFormed()
}

function explainedOf({ rule, facts }: Denial, explained: ExplainedFacts = facts ?? {}) {
  const texts = Object.entries(explained).map(([name, value]) => [
    name,
    typeof value === 'string' ? auditText(value) : value,
  ])
  return { step: stepOf(rule, explained), facts: Object.fromEntries(texts) as ExplainedFacts }
}

function subjectOf({ tool, ...of }: CallRecord) {
  return {
    ...serverOf(of, tool.serverId),
    subject: { kind: 'tool', id: `${tool.serverId}/${tool.name}`, name: tool.name },
    tool: tool.name,
  }
}

export function serverOf({ agent, caller }: Pick<CallRecord, 'agent' | 'caller'>, serverId: string) {
  return {
    subject: { kind: 'server', id: serverId, name: serverId },
    agentId: agent.id,
    teamId: agent.teamId,
    serverId,
    ...(caller.runId ? { runId: caller.runId } : {}),
  }
}

function traceOf({ traceId }: { traceId?: string | undefined }): { traceId?: string } {
  return traceId === undefined ? {} : { traceId }
}

function bypassedOf({ bypassed }: CallRecord): { bypassed?: BypassedHold } {
  return bypassed ? { bypassed } : {}
}

export function actorOf(agent: AgentFacts) {
  return { kind: 'agent', id: agent.id, name: agent.name } as const
}

function agentById(id: string) {
  return { kind: 'agent', id, name: id } as const
}
