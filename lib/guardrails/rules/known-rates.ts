import type { SimulatedRate } from '../schema/explanation.ts'
import { isPriced, spendingDenial } from './budget.ts'
import { burstSeconds } from './call-rates.ts'
import type { Allowed } from './decide.ts'
import type { AgentFacts } from './facts.ts'
import { grantUsedUp } from './grant-rate.ts'
import type { BrokerLimits } from './request-limits.ts'
import type { Denial } from '../schema.ts'

/** What is known of the limits of a call that nobody makes. */
export type KnownRates = {
  /** By grant: how many calls, and how long until one more may go; null: it may, or that is not known. */
  readonly uses: ReadonlyMap<string, { readonly used: number; readonly waitMs: number | null }>
  /** Whether they are what brokers count, or only calls on record. */
  readonly basis: 'counted' | 'recorded'
  /** Whether the instant is to come. */
  readonly toCome: boolean
  readonly at: Date
  /** When a worker last compared what agents have spent with their budgets (null: never); null: of that instant it is not known. */
  readonly spending: { readonly lookedAt: Date | null } | null
  /** Null: not known here. */
  readonly brokers: BrokerLimits | null
}

/** What refuses a call whose grants are all used up, as the broker finds it; null when one has a call left, or needs none, or when that cannot be known. */
export function usedUp({ grant, grants }: Pick<Allowed, 'grant' | 'grants'>, { uses }: KnownRates): Denial | null {
  if (!grant.rate) return null
  const waits = grants.map(({ id }) => uses.get(id)?.waitMs ?? null)
  if (waits.includes(null)) return null
  return grantUsedUp(grant, Math.ceil(Math.min(...waits.map(Number))))
}

/** Why a call that costs something is refused at that instant, as the broker finds it; null when it is not, or when that cannot be known. */
export function spendingRefused({ tool }: Pick<Allowed, 'tool'>, { spending, brokers, at }: KnownRates): Denial | null {
  if (!spending || !brokers) return null
  return spendingDenial(tool, { lookedAt: spending.lookedAt, ageMsMax: brokers.spendingAgeMsMax, now: at })
}

/** Whether that cannot be known from here. */
export function isSpendingOpen({ tool }: Pick<Allowed, 'tool'>, { spending, brokers }: KnownRates): boolean {
  if (!isPriced(tool) || brokers?.spendingAgeMsMax === 0) return false
  return !spending || !brokers
}

/** The limit of the agent, which counts every call of it, also one that is refused then. */
export function agentRateOf(agent: AgentFacts, { brokers }: KnownRates): SimulatedRate[] {
  return perSecond('agent_rate', agent, brokers?.agent)
}

/** The limits that count the call, with what was counted of each or is assumed. */
export function ratesOf(allowed: Allowed, known: KnownRates): SimulatedRate[] {
  const { agent, server, grant, grants } = allowed
  return [
    ...agentRateOf(agent, known),
    ...(grant.rate ? grants.map((each) => ofGrant(each, known)) : []),
    ...perSecond('rates', server, known.brokers?.server),
  ]
}

/** Whether a limit's answer is not known from here. */
export function isRateOpen(step: SimulatedRate['step'], rates: readonly SimulatedRate[], known: KnownRates): boolean {
  return known.brokers === null || rates.some((rate) => rate.step === step && rate.basis !== 'counted')
}

/** A limit in a sentence or two. */
export function rateNote({ what, used, limit, per, atOnce, note }: SimulatedRate): string {
  const burst = atOnce === null ? '' : ` (${atOnce} at once)`
  return `${what}: ${used} of ${limit} a ${per}${burst}. ${note}`
}

function ofGrant({ id, rate }: Allowed['grant'], { uses, basis, toCome, at }: KnownRates): SimulatedRate {
  const { used, waitMs } = uses.get(id) ?? { used: 0, waitMs: null }
  const counted = `Counted at all brokers together${toCome ? '; until then none more is assumed' : ''}.`
  const left = waitMs === null ? '' : ` None is left until ${new Date(at.getTime() + waitMs).toISOString()}.`
  return {
    step: 'rates',
    what: `Calls under the grant ${id}`,
    used,
    limit: rate!.calls,
    per: rate!.per,
    atOnce: null,
    basis,
    note:
      basis === 'counted'
        ? `${counted}${left}`
        : 'Those on record. What brokers counted then is not kept, so whether one was left is not known.',
  }
}

function perSecond(
  step: SimulatedRate['step'],
  { name, callsPerSecond }: { readonly name: string; readonly callsPerSecond?: number | null },
  ofBrokers: number | undefined,
): SimulatedRate[] {
  const limit = callsPerSecond ?? ofBrokers ?? 0
  if (limit === 0) return []
  const whose = typeof callsPerSecond === 'number' ? '' : ' The limit is that of the brokers’ settings.'
  return [
    {
      step,
      what: `Calls ${step === 'agent_rate' ? 'of' : 'to'} ${name}`,
      used: 0,
      limit,
      per: 'second',
      atOnce: limit * burstSeconds,
      basis: 'assumed',
      note: `Each broker counts its equal part of them, in its memory: none is assumed to be used.${whose}`,
    },
  ]
}
