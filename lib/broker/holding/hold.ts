import type { Ctx } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import { holdCallWithin, type HeldTicket, type Kept, type Settled, settleHeldCall } from '#lib/guardrails/commands.ts'
import { type Allowed, decide } from '#lib/guardrails/rules/decide.ts'
import type { ToolCall, ToolFacts } from '#lib/guardrails/rules/facts.ts'
import { rolesText } from '#lib/guardrails/rules/held-calls.ts'
import { otherHoldOf } from '#lib/guardrails/rules/holds.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { ExactCall, HoldRuleFacts } from '#lib/guardrails/schema/held-calls.ts'
import type { Log } from '#lib/log/log.ts'
import type { BrokeredServer, BrokeredTool, BrokerView } from '../view/view.ts'
import type { HeldAtOnce } from './held-at-once.ts'
import type { WaitingCalls } from './waiting.ts'

export type HoldParts = {
  view: BrokerView
  waiting: WaitingCalls
  atOnce: HeldAtOnce
  ctx: () => Ctx
  now: () => Date
  instance: string
  viewAgeMsMax: number
  log: Log
}

/** How long a call has waited for a person, for the agent that wants to hear. */
export type HoldProgress = { waitedMs: number; totalMs: number; message: string }

export type Held = {
  call: ToolCall
  allowed: Allowed
  rule: HoldRuleFacts
  /** What it comes from, when that is no run: an approval is for that alone. */
  session: string | null
  /** What it says beside its arguments, if anything: what it answers, goes on from, and is to become. An approval is for that, too. */
  continues: { requestState: unknown; inputResponses: Record<string, unknown> | null; task?: unknown } | null
  /** Of all that its request says. */
  bytes: number
  cancelled: AbortSignal
  /** Aborted when the connection of the caller is gone, who may come back with the same call. */
  left: AbortSignal
  onProgress?: ((progress: HoldProgress) => void) | undefined
  /** Why an allowed call may not go now; null: it is admitted, and goes or is dismissed. */
  admit: (call: ToolCall, allowed: Allowed) => Promise<Denial | null>
  /** Why what it answers may not be answered any more; null when it may, or answers nothing. */
  decideAnswers: () => Denial | null
  dismiss: (call: ToolCall, allowed: Allowed) => void
}

/** The call as it may be carried out, or why not; `gone`: nobody is there to be told. */
export type HoldEnd =
  | { end: 'release'; call: ToolCall; allowed: Allowed; edited: boolean }
  | { end: 'deny'; denial: Denial }
  | { end: 'gone' }

const progressMs = 5000

/** Holds a call until a person decides. An approval releases it once, if it is still the same call and would be allowed without the hold. */
export async function holdForPerson(parts: HoldParts, held: Held): Promise<HoldEnd> {
  const { agentId } = held.call.caller
  const full = parts.atOnce.begin(agentId, held.bytes)
  if (full) return { end: 'deny', denial: full }
  try {
    return await heldForPerson(parts, held)
  } finally {
    parts.atOnce.end(agentId, held.bytes)
  }
}

async function heldForPerson(parts: HoldParts, held: Held): Promise<HoldEnd> {
  const { call, allowed, rule } = held
  let ticket: HeldTicket
  try {
    const exact = exactCall(parts.view, held, allowed.tool)
    const { credential = null, drivenBy = null } = call.caller
    const behind = { credential, drivenBy }
    const input = { source: 'broker', call: exact, class: allowed.tool.class, ...behind, rule } as const
    const limits = { ...parts.atOnce.ofRows, bytes: held.bytes }
    const made = await parts.atOnce.inTurn(call.caller.agentId, () => holdCallWithin(parts.ctx(), input, limits))
    if (!made.ok) return { end: 'deny', denial: parts.atOnce.full(call.caller.agentId, made.error) }
    ticket = made.value
  } catch (error) {
    parts.log.warn({ err: error, agentId: call.caller.agentId }, 'a call could not be held')
    const message = 'It must wait for a person, and could not be put where people see it.'
    return deny('hold_unavailable', message, { holdRule: rule.id })
  }
  const stopTelling = tellProgress(ticket, held)
  try {
    const waiting = { heldCallId: ticket.heldCallId, expiresAt: ticket.expiresAt, call }
    const woken = await parts.waiting.wait(waiting, { cancelled: held.cancelled, left: held.left })
    switch (woken.why) {
      case 'ended':
        return await release(parts, { ticket, held })
      case 'left':
        return { end: 'gone' }
      case 'cancelled':
        await parts.waiting.cancel(ticket.heldCallId, 'The agent cancelled it.')
        return { end: 'gone' }
      case 'refused':
        await parts.waiting.cancel(ticket.heldCallId, `It would be refused now (${woken.denial.rule}).`)
        return { end: 'deny', denial: woken.denial }
      case 'stopping':
        return deny(
          'draining',
          `The call stays held as ${ticket.heldCallId}: send the same call again to go on waiting.`,
        )
    }
  } finally {
    stopTelling()
  }
}

/** Everything again, from what is true now: the exact call, the approval, and the decision without a person. */
async function release(parts: HoldParts, { ticket, held }: { ticket: HeldTicket; held: Held }): Promise<HoldEnd> {
  const { call } = held
  const tool = parts.view.servers.get(call.serverId)?.tools.get(call.tool) ?? held.allowed.tool
  let settled: Settled | Kept
  let last: HoldEnd | undefined
  // A refusal that passes by itself comes before the approval is spent, any other one spends it.
  const mayGo = async (released: { arguments: Record<string, unknown>; edited: boolean }): Promise<boolean> => {
    const outcome = await releaseAs(parts, held, { ...call, arguments: released.arguments }, released.edited)
    last = outcome.end
    return !outcome.passing
  }
  try {
    const input = { heldCallId: ticket.heldCallId, call: exactCall(parts.view, held, tool), by: parts.instance, mayGo }
    settled = await settleHeldCall(parts.ctx(), input)
  } catch (error) {
    if (last?.end === 'release') held.dismiss(last.call, last.allowed)
    parts.log.warn({ err: error, heldCallId: ticket.heldCallId }, 'a held call could not be released')
    return deny('hold_unavailable', `What was decided about ${ticket.heldCallId} could not be read.`)
  }
  const { heldCallId } = ticket
  const facts = { heldCall: heldCallId, holdRule: held.rule.id }
  switch (settled.end) {
    case 'rejected':
      return deny('call_rejected', `${settled.by} rejected it: ${settled.note}`, facts)
    case 'expired':
      return deny('call_hold_expired', `It was held because of: ${held.rule.title}. ${whoDecides(held.rule)}`, facts)
    case 'cancelled':
      return deny('call_hold_cancelled', `The held call ${heldCallId} was withdrawn.`, facts)
    case 'altered':
      return deny('held_call_altered', `What was decided about ${heldCallId} is not for this call, or was used.`, facts)
    case 'kept':
      return last?.end === 'deny' ? stillGood(ticket, last.denial) : last!
    case 'released':
      return stillAllowed(parts, held, last!)
  }
}

/** `passing`: the same call may go later. */
async function releaseAs(
  parts: HoldParts,
  held: Held,
  call: ToolCall,
  edited: boolean,
): Promise<{ end: HoldEnd; passing: boolean }> {
  if (performance.now() - parts.view.loadedAt > parts.viewAgeMsMax) {
    return { end: deny('view_stale', 'The registry could not be read for too long.'), passing: true }
  }
  const decision = decide(call, parts.view, parts.now())
  if (!decision.ok) return { end: { end: 'deny', denial: decision.error }, passing: false }
  const unanswerable = held.decideAnswers()
  if (unanswerable) return { end: { end: 'deny', denial: unanswerable }, passing: false }
  const at = { view: parts.view, now: parts.now() }
  const other = edited ? otherHoldOf(call, decision.value, at, held.rule) : null
  if (other) {
    const message = `What it was changed into is held by another rule (${other.title}). ${whoDecides(other)}`
    return { end: deny('held_call_altered', message, { holdRule: other.id }), passing: false }
  }
  const denial = await held.admit(call, decision.value)
  if (denial) return { end: { end: 'deny', denial }, passing: true }
  return { end: { end: 'release', call, allowed: decision.value, edited }, passing: false }
}

/** A stop or a revocation may have come while the approval was being spent. */
function stillAllowed(parts: HoldParts, held: Held, last: HoldEnd): HoldEnd {
  if (last.end !== 'release') return last
  const decision = decide(last.call, parts.view, parts.now())
  const denial = decision.ok ? held.decideAnswers() : decision.error
  if (!denial) return last
  held.dismiss(last.call, last.allowed)
  return { end: 'deny', denial }
}

function stillGood({ heldCallId, expiresAt }: HeldTicket, denial: Denial): HoldEnd {
  const until = `until ${expiresAt.toISOString()}: send the same call again.`
  return {
    end: 'deny',
    denial: { ...denial, message: `${denial.message} The approval of ${heldCallId} stays good ${until}` },
  }
}

function tellProgress(ticket: HeldTicket, { rule, onProgress }: Held): () => void {
  if (!onProgress) return () => {}
  const totalMs = ticket.expiresAt.getTime() - ticket.createdAt.getTime()
  const tell = (): void => {
    const waitedMs = Math.min(totalMs, Math.max(0, Date.now() - ticket.createdAt.getTime()))
    const message = `Held for a person (${rule.title}). ${whoDecides(rule)} Held call ${ticket.heldCallId}.`
    onProgress({ waitedMs, totalMs, message })
  }
  tell()
  const timer = setInterval(tell, progressMs)
  return () => clearInterval(timer)
}

function whoDecides({ deciderRoles }: HoldRuleFacts): string {
  return `It is decided by: ${rolesText(deciderRoles)}.`
}

const definitionHashes = new WeakMap<ToolFacts, string>()

function exactCall(view: BrokerView, held: Held, tool: ToolFacts): ExactCall {
  const { call: exact, session, continues } = held
  const { caller, serverId, ...call } = exact
  // Where it would be sent: somebody else could answer there under the same name.
  const { url, stdio } = view.servers.get(serverId) ?? (held.allowed.server as BrokeredServer)
  const at = stdio ? { command: stdio.command } : { url }
  let definitionHash = definitionHashes.get(tool)
  if (definitionHash === undefined) {
    definitionHash = digestOf({ definition: (tool as BrokeredTool).definition, class: tool.class })
    definitionHashes.set(tool, definitionHash)
  }
  return {
    agentId: caller.agentId,
    agentVersion: caller.version,
    runId: caller.runId,
    session,
    serverId,
    tool: call.tool,
    definitionHash: digestOf({ definitionHash, at, ...(continues === null ? {} : { continues }) }),
    arguments: { ...call.arguments },
    inputResponses: continues?.inputResponses ?? null,
    policyVersion: view.policies.version,
  }
}

function deny(rule: Denial['rule'], message: string, facts?: Denial['facts']): HoldEnd {
  return { end: 'deny', denial: { rule, message, ...(facts ? { facts } : {}) } }
}
