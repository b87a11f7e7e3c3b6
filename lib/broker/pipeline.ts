// The way of a call. What may happen here and what may not: whether it is allowed is decided in memory (by the view of the registry), and
// most calls wait for three things at most: the intent of a change to be durable, the upstream, and the record of the end to be durable. What waits for more, and why: a
// call under a grant with a rate, to be counted at all brokers together; one that is to be refused for want of what may have just been given, for the registry; one that goes on or asks something back, for what is sealed or stands in rows; one that a rule
// holds, for a person (holding/).
// Nothing leaves before its record is durable, and whatever fails refuses.
import { digestOf } from '#lib/core/canonical-json.ts'
import { ok } from '#lib/core/result.ts'
import { type Allowed, decide } from '#lib/guardrails/rules/decide.ts'
import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import { holdFor } from '#lib/guardrails/rules/holds.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { HoldRuleFacts } from '#lib/guardrails/schema/held-calls.ts'
import { observing } from './audit/observations.ts'
import { callCost } from './audit/call-cost.ts'
import { type CallRecord, finishedRow, intendedRow } from './audit/records.ts'
import { denialOf, type End, endGuarded, endOf, explainedEnd, failedHere, isStopped, outcomeOf } from './call-ends.ts'
import { converse, type Turn } from './conversation/conversation.ts'
import { deadlineOf } from './limits.ts'
import { AnswerTime } from './conversation/answer-time.ts'
import { decideAnswers, isContinued, readContinued, withEdited } from './conversation/continued.ts'
import { AskRefused } from './conversation/refusal.ts'
import { requiresPages, withPermittedPages } from './conversation/required-pages.ts'
import { isKeptHere } from './conversation/session-methods.ts'
import { deniedAnswer, deny, pointerOf, refuse } from './deny.ts'
import { afterTheFact, auditDenial, circuitDenial, spendingUnknown } from './denials.ts'
import { guardReply, joinFindings } from './guards.ts'
import { holdForPerson } from './holding/hold.ts'
import { sessionOf } from './holding/session.ts'
import type { LargeReply } from './large/large-reply.ts'
import { passOn } from './large/pass-on.ts'
import { CallEnded } from './in-flight.ts'
import { saidResult } from './merged-results.ts'
import { mayBeOutdated } from './outdated.ts'
import { type AgentRequest, invalidParamsCode, type PipelineParts, recorded } from './pipeline-parts.ts'
import { countRated, type Going } from './rated-calls.ts'
import { promptIn, recordedArguments } from './methods.ts'
import { handleIn, taskRecord } from './tasks/replies.ts'
import { failureName } from './telemetry/failure-name.ts'
import type { RequestTelemetry } from './telemetry/request-telemetry.ts'
import { CutOff, UpstreamFailure } from './upstream/failure.ts'
import type { RpcReply } from './upstream/http.ts'
import type { BrokeredServer } from './view/view.ts'
import { type Answer, cutAnswer, errorAnswer, refusedAnswer, resultAnswer, statusFor } from './wire.ts'
import { type RecordedEnd, withheld } from './withheld.ts'

const noArguments = {}

/** Decides, and carries out what is allowed. */
export async function runCall(parts: PipelineParts, request: AgentRequest, call: ToolCall): Promise<Answer> {
  const startedAt = performance.now()
  // First: whoever asks too often costs no decision, and no record for each.
  const tooOften = parts.rates.takeForAgent(call.caller.agentId)
  if (tooOften) return deny(parts, request, { call, denial: tooOften })
  let decision = decide(call, parts.view, parts.now())
  if (!decision.ok && mayBeOutdated(decision.error)) {
    await parts.refresh()
    decision = decide(call, parts.view, parts.now())
  }
  request.telemetry.took('decide', startedAt)
  if (!decision.ok) return deny(parts, request, { call, denial: decision.error })
  return isContinued(request)
    ? continueCall(parts, request, call)
    : goOn(parts, request, { call, allowed: decision.value })
}

/**
 * Goes on with a call. What it goes on from takes a while to be read and recorded, in which the call may have been stopped or revoked, or what it
 * answers may: so all of it is decided anew, and an edited call as its approver made it.
 */
async function continueCall(parts: PipelineParts, request: AgentRequest, call: ToolCall): Promise<Answer> {
  const startedAt = performance.now()
  const continued = await readContinued(parts, request, call)
  request.telemetry.took('decide', startedAt)
  if (!continued.ok) return deny(parts, request, { call, denial: continued.error })
  const asked = { ...request, state: continued.value }
  const edited = continued.value?.edited
  const made = edited ? { ...call, arguments: edited } : call
  const anew = decide(made, parts.view, parts.now())
  if (!anew.ok) return deny(parts, asked, { call: made, denial: anew.error })
  const denial = decideAnswers(parts, asked, call.serverId)
  if (denial) return deny(parts, asked, { call: made, denial })
  return goOn(parts, edited ? withEdited(asked, edited) : asked, { call: made, allowed: anew.value })
}

async function goOn(
  parts: PipelineParts,
  request: AgentRequest,
  allowed: { call: ToolCall; allowed: Allowed },
): Promise<Answer> {
  const unknown = spendingUnknown(parts, allowed.allowed)
  // Nobody is asked about what could not go.
  if (unknown) return deny(parts, request, { call: allowed.call, denial: unknown })
  const { rule, bypassed } = holdFor(allowed.call, allowed.allowed, { view: parts.view, now: parts.now() })
  const going = { ...allowed, bypassed }
  return rule ? waitForPerson(parts, request, { ...going, rule }) : proceed(parts, request, going)
}

/** The step before forwarding, of calls that a rule holds: nothing else awaits here. */
async function waitForPerson(
  parts: PipelineParts,
  request: AgentRequest,
  held: Going & { rule: HoldRuleFacts },
): Promise<Answer> {
  const startedAt = performance.now()
  const { gone: cancelled, left, talk, params: sent } = request
  const requestState = sent['requestState'] ?? null
  // They are answers by key: that has been read.
  const inputResponses = (sent['inputResponses'] ?? null) as Record<string, unknown> | null
  const { task } = sent
  const isPlain = requestState === null && inputResponses === null && task === undefined
  const continues = isPlain ? null : { requestState, inputResponses, ...(task === undefined ? {} : { task }) }
  const end = await holdForPerson(parts.holding, {
    ...held,
    session: sessionOf(request),
    continues,
    bytes: Buffer.byteLength(JSON.stringify(sent)),
    cancelled,
    left,
    onProgress: talk.onProgress,
    admit: async (call, allowed) => {
      if (!parts.audit.available) return auditDenial
      return (await parts.grantRates.take(allowed)) ?? admit(parts, request, { call, allowed })
    },
    decideAnswers: () => decideAnswers(parts, request, held.call.serverId),
    dismiss: (call, { server }) => parts.health.circuitOf(server as BrokeredServer).released(call),
  })
  request.telemetry.took('hold', startedAt)
  const about = { server: held.call.serverId, agentClass: held.allowed.agent.tier }
  parts.metrics.held(end.end === 'deny' ? end.denial.rule : end.end, about, startedAt)
  if (end.end === 'gone') return errorAnswer(200, request.id, { code: invalidParamsCode, message: 'Nobody waits.' })
  if (end.end === 'deny') return deny(parts, request, { call: held.call, denial: end.denial })
  const released = end.edited ? withEdited(request, end.call.arguments ?? noArguments) : request
  return carryOut(parts, { ...released, agent: end.allowed.agent }, { ...end, bypassed: held.bypassed })
}

/** Sends what is decided about, if it may go now. */
export async function proceed(parts: PipelineParts, request: AgentRequest, decided: Going): Promise<Answer> {
  const { call } = decided
  const startedAt = decided.allowed.grant.rate ? performance.now() : null
  const counted = startedAt === null ? ok({ ...decided, rule: null }) : await countRated(parts, decided)
  if (startedAt !== null) request.telemetry.took('decide', startedAt)
  if (!counted.ok) return deny(parts, request, { call, denial: counted.error })
  const { rule, ...going } = counted.value
  if (rule) return waitForPerson(parts, request, { ...going, rule })
  const denial = admit(parts, request, going)
  if (denial) return deny(parts, request, { call, denial })
  return carryOut(parts, request, going)
}

/** Why an allowed call may not go now, though it may later. Last the circuit: whom it admits must go. */
export function admit(
  parts: PipelineParts,
  request: AgentRequest,
  { call, allowed }: Pick<Going, 'call' | 'allowed'>,
): Denial | null {
  const server = allowed.server as BrokeredServer
  const full = spendingUnknown(parts, allowed) ?? parts.inFlight.atOnce.denialFor(call, parts.limits)
  const denial = full ?? parts.rates.takeForServer(server.id)
  return denial ?? (isKeptHere(request, call) ? null : circuitDenial(parts.health, server, call))
}

/** Sends what is allowed and admitted, and answers when its end is on record. */
export async function carryOut(
  parts: PipelineParts,
  request: AgentRequest,
  going: Pick<Going, 'call' | 'allowed'> & Partial<Going>,
): Promise<Answer> {
  const { call, allowed } = going
  const circuit = parts.health.circuitOf(allowed.server as BrokeredServer)
  try {
    return await carriedOut(parts, request, going)
  } finally {
    // Whatever became of it: as a probe that tells nothing it would keep everybody else from the server.
    circuit.released(call)
  }
}

async function carriedOut(
  parts: PipelineParts,
  request: AgentRequest,
  { call, allowed, bypassed = null }: Pick<Going, 'call' | 'allowed'> & Partial<Going>,
): Promise<Answer> {
  const { agent, tool, grant } = allowed
  const { telemetry } = request
  const record: CallRecord = {
    agent,
    caller: call.caller,
    tool,
    argumentsDigest: digestOf(recordedArguments(request.params, tool.isMethod === true) ?? {}),
    judged: allowed.judged,
    bypassed,
    traceId: telemetry.traceId,
  }
  const changes = tool.class !== 'read'
  // In flight before its intent is recorded, so that a stop that comes in between still finds it.
  const ownDeadline = deadlineOf(parts.limits, allowed)
  const { deadlineMs = ownDeadline.limit } = request
  const deadline = deadlineMs < ownDeadline.limit ? ({ limit: deadlineMs, limitOf: 'platform' } as const) : ownDeadline
  const running = parts.inFlight.begin(call, { teamId: agent.teamId, deadline, gone: request.gone })
  const time = new AnswerTime(running, { askMs: parts.limits.askDeadlineMs, deadline })
  let large: LargeReply | undefined
  let passed = false
  try {
    if (changes && !(await recorded(parts, intendedRow(record, parts.now()), { happened: false, telemetry })))
      return refuse(parts, request, auditDenial)
    const sentAt = performance.now()
    // As it is now: its credential may have changed.
    const server = parts.view.servers.get(call.serverId) ?? (allowed.server as BrokeredServer)
    const turn = { server, agent, tool, grant, call, running, time, record, intended: changes }
    request.talk.begin(parts, turn)
    const end = await forward(parts, request, turn)
    large = end.reply?.ok ? end.reply.large : undefined
    telemetry.took('upstream', sentAt)
    const explained = explainedEnd(parts, end, call)
    const finished = finishedRow(record, {
      outcome: end.outcome,
      ms: performance.now() - sentAt,
      denial: end.denial,
      explained,
      sent: running.sent,
      findings: joinFindings(end.findings ?? null, request.talk.findings),
      task: taskRecord(request, tool.name, end.reply),
      cost: callCost(tool, { ...end, sent: running.sent }),
      now: parts.now(),
    })
    const row = observing(finished, { tool, given: call.arguments, isPrivate: server.isPrivate })
    const durable = await recorded(parts, row, { happened: true, telemetry })
    const labels = { server: tool.serverId, tool: tool.name, class: tool.class, decision: 'allow' } as const
    telemetry.called({ ...labels, outcome: durable ? end.outcome : 'audit_unavailable' })
    // Stopped while its record was being written: then the answer stays here as well.
    const stopped = isStopped(running.signal)
    if (!durable) return refuse(parts, request, afterTheFact(changes), changes ? 200 : 503)
    if (!stopped && large) {
      const passing = large
      large = undefined
      passed = true
      return passOn(parts, request, { large: passing, record, server, running })
    }
    const said = { end, explained, row }
    const by = running.signal.reason as CallEnded
    return answerOf(parts, request, call.serverId, stopped ? await withheld(parts, record, { call, said, by }) : said)
  } finally {
    // A result that is passed on is under way until its end; one that is not is let go.
    if (large) await large.close()
    if (!passed) running.end()
  }
}

async function forward(parts: PipelineParts, request: AgentRequest, turn: Omit<Turn, 'trace'>): Promise<End> {
  const { server, tool, running } = turn
  const { signal } = running
  const { name, isMethod } = tool
  let exchange: ReturnType<RequestTelemetry['upstream']> | undefined
  try {
    const { context, end } = (exchange = request.telemetry.upstream({
      serverId: server.id,
      url: server.url,
      method: isMethod ? name : 'tools/call',
      tool: isMethod ? null : name,
      prompt: isMethod ? promptIn(name, request.params) : null,
    }))
    const send = async (): Promise<RpcReply> => {
      signal.throwIfAborted()
      return await converse(parts, request, { ...turn, trace: context })
    }
    const { health } = parts
    const answered = isKeptHere(request, turn.call)
      ? await send()
      : await health.watch(health.circuitOf(server), running, send)
    const reply = requiresPages(answered)
      ? await withPermittedPages(parts, request, { turn, reply: answered })
      : answered
    const outcome = handleIn(request, reply) ? 'task' : outcomeOf(reply)
    if (reply.ok) end?.({ error: outcome === 'tool_error' ? outcome : null })
    else end?.({ error: String(reply.error.code), code: reply.error.code })
    return endGuarded(outcome, guardReply(server, reply))
  } catch (error) {
    exchange?.end?.({ error: failureName(error, signal) })
    if (signal.reason instanceof CallEnded) return endOf(signal.reason)
    // A call that outlives its exchanges is ended for itself.
    if (error instanceof CallEnded) return endOf(error)
    if (error instanceof AskRefused) return { outcome: error.outcome, reply: null, denial: error.denial }
    if (error instanceof CutOff && request.talk.session) return { outcome: 'cut_off', reply: null, denial: null }
    const denial = error instanceof UpstreamFailure ? denialOf(parts, turn, error) : failedHere(parts, { error, tool })
    if (denial.rule === 'session_ended') parts.conversations.sessions.end(request.talk.session?.name ?? '')
    return { outcome: 'upstream_error', reply: null, denial }
  }
}

function answerOf(
  parts: PipelineParts,
  request: AgentRequest,
  serverId: string,
  { end, explained, row }: RecordedEnd,
): Answer {
  const { era, id } = request
  const about = { serverId, decisionId: String(row['id']), ...(explained ? { explained } : {}) }
  if (end.reply?.ok) return resultAnswer(era, id, saidResult(request, about.serverId, end.reply.result))
  if (end.reply) return errorAnswer(statusFor(era, end.reply.status), id, end.reply.error)
  if (end.outcome === 'cut_off') return cutAnswer
  if (end.denial?.rule === 'session_ended') return refusedAnswer(404, id, end.denial, pointerOf(parts, request, about))
  // Nobody is there to read the answer of a caller who went away.
  const denial = end.denial ?? {
    rule: 'upstream_unavailable' as const,
    message: 'The call was cancelled by its caller.',
  }
  return deniedAnswer(request, denial, pointerOf(parts, request, about))
}
