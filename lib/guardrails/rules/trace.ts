import type { BypassedHold } from '#lib/audit/events.ts'
import { bytesText } from '#lib/core/bytes.ts'
import { err, type Result } from '#lib/core/result.ts'
import { formatMicros } from '#lib/core/money.ts'
import { conditionText } from '#lib/registry/schema/conditions.ts'
import type { Denial } from '../schema.ts'
import type { HoldRuleFacts } from '../schema/held-calls.ts'
import {
  type CallStepId,
  callSteps,
  type ExplainedStep,
  type SimulatedRate,
  type StepOutcome,
  stepTitles,
} from '../schema/explanation.ts'
import { isConditional } from './conditions.ts'
import { type Allowed, decide, decideCaller } from './decide.ts'
import { factsOfDenial } from './denial-facts.ts'
import type { AgentFacts, PolicyView, ServerFacts, ToolCall } from './facts.ts'
import { rolesText } from './held-calls.ts'
import type { BypassAside } from './hold-bypasses.ts'
import { holdFor } from './holds.ts'
import {
  agentRateOf,
  isRateOpen,
  isSpendingOpen,
  type KnownRates,
  rateNote,
  ratesOf,
  spendingRefused,
  usedUp,
} from './known-rates.ts'
import { bindingDeadline, bindingLimit, requestLimitsFor } from './own-limits.ts'
import { argumentsDenial, type BrokerLimits } from './request-limits.ts'
import { isCallStep, stepOf } from './steps.ts'

export type Trace = {
  outcome: 'allowed' | 'refused' | 'held'
  denial: Denial | null
  allowed: Allowed | null
  hold: HoldRuleFacts | null
  /** Why it is held though the rule is bypassed. */
  aside: BypassAside | null
  rates: SimulatedRate[]
  steps: ExplainedStep[]
}

/** What is decided about a call, with every step of it: by the very function that decides at the broker, the one that holds, and what is known of its limits. */
export function traceCall(call: ToolCall, view: PolicyView, now: Date, known: KnownRates): Trace {
  const { brokers } = known
  const decision = brokers ? decideWithin(call, { view, now, brokers }) : decide(call, view, now)
  if (!decision.ok) {
    const denial = decision.error
    const step = stepOf(denial.rule, factsOfDenial(denial, call, view, now))
    const agent = view.agents.get(call.caller.agentId)
    const rates = agent ? agentRateOf(agent, known) : []
    const open = isRateOpen('agent_rate', rates, known) ? (['agent_rate'] as const) : []
    return {
      outcome: 'refused',
      denial,
      allowed: null,
      hold: null,
      aside: null,
      rates: [],
      steps: refusedSteps(step, denial.message, { call, view, brokers, rates, open }),
    }
  }
  const allowed = decision.value
  const spending = spendingRefused(allowed, known)
  if (spending) {
    const rates = agentRateOf(allowed.agent, known)
    const open = isRateOpen('agent_rate', rates, known) ? (['agent_rate'] as const) : []
    const steps = refusedSteps('budget', spending.message, { call, view, allowed, brokers, rates, open })
    return { outcome: 'refused', denial: spending, allowed, hold: null, aside: null, rates: [], steps }
  }
  const { rule: hold, bypassed, aside } = holdFor(call, allowed, { view, now })
  const rates = ratesOf(allowed, known)
  const open: CallStepId[] = (['agent_rate', 'rates'] as const).filter((id) => isRateOpen(id, rates, known))
  if (isSpendingOpen(allowed, known)) open.push('budget')
  const about = { call, view, allowed, hold, bypassed, aside, rates, open, brokers }
  // What is held is counted when it goes.
  const denial = hold ? null : usedUp(allowed, known)
  if (denial) {
    return {
      outcome: 'refused',
      denial,
      allowed,
      hold,
      aside,
      rates,
      steps: refusedSteps('rates', denial.message, about),
    }
  }
  const steps = stepsTo({ ...about, step: hold ? 'hold' : null, outcome: 'held' })
  return { outcome: hold ? 'held' : 'allowed', denial: null, allowed, hold, aside, rates, steps }
}

/** As a broker does: who may not speak to it, and to a server that is none, is told so before the request is read. */
function decideWithin(
  call: ToolCall,
  { view, now, brokers }: { view: PolicyView; now: Date; brokers: BrokerLimits },
): Result<Allowed, Denial> {
  const { tool, isMethod, arguments: given } = call
  const reads =
    given !== undefined && !isMethod && view.servers.has(call.serverId) && decideCaller(call.caller, view).ok
  const limits = requestLimitsFor(brokers, view.agents.get(call.caller.agentId))
  const tooMuch = reads ? argumentsDenial({ tool, given }, limits) : null
  return tooMuch ? err(tooMuch) : decide(call, view, now)
}

/** The steps up to the one that refused, and those that were not reached; none for what is no step of a call. */
export function refusedSteps(
  step: ReturnType<typeof stepOf>,
  message: string | null,
  known?: Pick<Passed, 'call' | 'view'> & Partial<Passed>,
): ExplainedStep[] {
  if (!isCallStep(step)) return []
  const at = callSteps.indexOf(step)
  return callSteps.map((id, index) => {
    // Of a simulation nobody has looked at the request itself.
    const before = known && isOpen(id, known) ? 'unknown' : 'passed'
    const outcome = index < at ? before : index === at ? 'refused' : 'not_reached'
    const note = outcome === 'refused' ? message : index < at && known ? noteOf(id, known) : null
    return { id, title: stepTitles[id], outcome, note }
  })
}

/** The steps of a call that was let through, to the one that says what became of it: the rule that held it, or its delivery. */
export function passedSteps(last: {
  to: 'hold' | 'delivery'
  outcome: StepOutcome
  note: string | null
}): ExplainedStep[] {
  const at = callSteps.indexOf(last.to)
  return callSteps.map((id, index) => {
    const outcome = index < at ? 'passed' : index === at ? last.outcome : 'not_reached'
    return { id, title: stepTitles[id], outcome, note: index === at ? last.note : null }
  })
}

type Passed = {
  call: ToolCall
  view: PolicyView
  allowed: Allowed
  hold: HoldRuleFacts | null
  bypassed: BypassedHold | null
  aside: BypassAside | null
  rates: readonly SimulatedRate[]
  brokers: BrokerLimits | null
  /** Limits whose answer is not known. */
  open: readonly CallStepId[]
}

function stepsTo(to: Passed & { step: CallStepId | null; outcome: StepOutcome }): ExplainedStep[] {
  return callSteps.map((id) => {
    const outcome = id === to.step ? to.outcome : isOpen(id, to) ? 'unknown' : 'passed'
    return { id, title: stepTitles[id], outcome, note: noteOf(id, to) }
  })
}

/** What only a broker that has the call knows. */
function isOpen(id: CallStepId, { open }: Partial<Passed>): boolean {
  return id === 'request' || id === 'delivery' || (open?.includes(id) ?? false)
}

function bypassNote({ rule, also = [] }: BypassedHold, { holdRules }: PolicyView): string {
  const titles = [rule, ...also.map((each) => each.rule)].map(
    (ruleId) => `“${holdRules?.find(({ id }) => id === ruleId)?.title ?? ruleId}”`,
  )
  return `${titles.join(' and ')} would hold it and ${titles.length === 1 ? 'is' : 'are'} bypassed now.`
}

function noteOf(id: CallStepId, about: { call: ToolCall; view: PolicyView } & Partial<Passed>): string | null {
  const { call, view, allowed, hold, bypassed, aside, brokers, rates = [] } = about
  const agent = view.agents.get(call.caller.agentId)
  const server = view.servers.get(call.serverId)
  switch (id) {
    case 'request':
      return brokers ? requestNote(brokers, agent) : null
    case 'delivery':
      return brokers && server ? deliveryNote(brokers, { server, agent }) : null
    case 'caller':
      return agent ? `${agent.name} is ${agent.status}, version ${agent.currentVersion}, tier ${agent.tier}.` : null
    case 'server':
      return server ? `${server.name}: ${server.environment}, ${server.sensitivity}.` : null
    case 'tool': {
      const tool = allowed?.tool ?? server?.tools.get(call.tool)
      return tool ? `${tool.name} is ${tool.state}, class ${tool.class}.` : null
    }
    case 'grant':
      return allowed ? grantNote(allowed) : null
    case 'conditions':
      return allowed ? conditionsNote(allowed, call) : null
    case 'policy':
      return `Version ${view.policies.version}.`
    case 'budget':
      return budgetNote(agent, { open: isOpen(id, about) })
    case 'hold':
      return hold ? holdNote(hold, aside) : bypassed ? bypassNote(bypassed, view) : null
    case 'agent_rate':
    case 'rates':
      return rates.flatMap((rate) => (rate.step === id ? [rateNote(rate)] : [])).join(' ') || null
    default:
      return null
  }
}

function budgetNote(agent: AgentFacts | undefined, { open }: { open: boolean }): string | null {
  if (agent?.overBudget)
    return `${formatMicros(BigInt(agent.overBudget.spentMicros))} were spent in ${agent.overBudget.month}.`
  return open
    ? 'The call costs something, so it goes only while a worker compares spending with budgets. Whether one does then is not known.'
    : null
}

function grantNote({ grant, grants }: Allowed): string {
  const of = grant.toolName === null ? `class ${grant.class}` : `${grant.toolName} (${grant.class})`
  const until = grant.expiresAt === null ? 'until revoked' : `until ${grant.expiresAt.toISOString()}`
  const others = grants.length > 1 ? ` ${grants.length - 1} more would do.` : ''
  return `Grant ${grant.id} of ${of}, ${grant.via.replaceAll('_', ' ')}, ${until}.${others}`
}

function conditionsNote({ grant }: Allowed, call: ToolCall): string {
  if (!isConditional(grant)) return 'The grant has none.'
  if (call.arguments !== undefined) return 'They fit.'
  return `The arguments are not known; they must fit: ${grant.conditions!.map(conditionText).join('; ')}.`
}

function requestNote(brokers: BrokerLimits, agent: AgentFacts | undefined): string {
  const { requestBytesMax, requestDepthMax, bytesOf, depthOf } = requestLimitsFor(brokers, agent)
  const [bytes, depth] = [owned[bytesOf ?? 'platform'], owned[depthOf ?? 'platform']]
  return `It may have ${bytesText(requestBytesMax)}${bytes} and be nested ${requestDepthMax} levels deep${depth}.`
}

/** The agent’s and the server’s own limits where they have some, and never more than brokers pass on. */
function deliveryNote(
  brokers: BrokerLimits,
  { server, agent }: { server: ServerFacts; agent: AgentFacts | undefined },
): string {
  const of = (name: 'callDeadlineSeconds' | 'resultBytesMax' | 'resultDepthMax') => ({
    server: server[name],
    agent: agent?.[name],
  })
  const deadline = bindingDeadline(brokers, of('callDeadlineSeconds'))
  const bytes = bindingLimit(brokers.streamBytesMax, of('resultBytesMax'))
  const held = Math.min(bytes.limit, brokers.resultBytesMax)
  const depth = bindingLimit(brokers.resultDepthMax, of('resultDepthMax'))
  return `The server has ${deadline.limit / 1000} s${owned[deadline.limitOf]}. Its answer may have ${bytesText(bytes.limit)}${owned[bytes.limitOf]}, ${bytesText(held)} of it in memory, and be nested ${depth.limit} levels deep${owned[depth.limitOf]}.`
}

/** Whose limit it is, where it is not that of the brokers’ settings. */
const owned = { agent: ' (its own limit)', server: ' (the server’s own limit)', platform: '' } as const

function holdNote(
  { title, deciderRoles, decideSeconds, onTimeout }: HoldRuleFacts,
  aside: BypassAside | null | undefined,
): string {
  const bypassed = aside ? ` ${asideText[aside.why]}` : ''
  const otherwise = onTimeout === 'allow' ? 'then it goes' : 'then it is refused'
  return `${title}. It is decided by: ${rolesText(deciderRoles)}, within ${decideSeconds} s; ${otherwise}.${bypassed}`
}

const asideText = {
  own_call: 'It is bypassed, but not for calls that whoever opened the bypass is behind, or whose version they wrote.',
  not_known:
    'It is bypassed, but not for calls that whoever opened the bypass is behind, and who is behind this one is not known.',
} as const
