import { plural } from '#lib/core/count.ts'
import type { FirstTime, RequestContext, Signal, TrendSums } from '../schema/context.ts'
import type { ScopeTerms } from '../schema.ts'
import { words } from './reach.ts'

type Facts = Omit<RequestContext, 'signals' | 'blastRadius' | 'granted'> & {
  terms: ScopeTerms
  peerTotal: number
  peerHolding: number
}

const order = { danger: 0, warn: 1, neutral: 2, ok: 3 }

/** What speaks for and against a request, the most urgent first. It only says what the facts say: it decides nothing. */
export function signalsOf(facts: Facts): Signal[] {
  const found = [
    ...facts.stops.map(({ target, by, reason }) =>
      signal('stop', 'danger', `${target} is stopped by ${by}: ${reason}`),
    ),
    ...facts.firsts.map(firstTime),
    ...termSignals(facts),
    ...earlierSignals(facts),
    ...peerSignals(facts),
    ...denialSignals(facts),
    ...agentSignals(facts),
    ...trendSignals(facts),
  ]
  // Stable: within a tone, the order above.
  return found.toSorted((a, b) => order[a.tone] - order[b.tone])
}

function signal(about: Signal['about'], tone: Signal['tone'], text: string): Signal {
  return { about, tone, text }
}

function firstTime(first: FirstTime): Signal {
  const texts = {
    environment: `It never reached a ${first.value} server before.`,
    sensitivity: `It never reached ${first.value} data before.`,
    class:
      first.value === 'write' ? 'It never could change anything before.' : 'It never could delete anything before.',
    data_class: `It never reached ${words(first.value)} data before.`,
  }
  return signal('first', 'warn', texts[first.kind])
}

function termSignals({ terms }: Facts): Signal[] {
  const harmless = terms.class === 'read'
  return [
    ...(terms.days === null && !harmless ? [signal('terms', 'warn', 'It is asked for without an end.')] : []),
    ...(terms.conditions.length === 0 && !harmless
      ? [signal('terms', 'neutral', 'It is asked for with any arguments.')]
      : []),
  ]
}

function earlierSignals({ earlier }: Facts): Signal[] {
  const rejected = earlier.items.find(({ state }) => state === 'rejected')
  if (!rejected) return []
  const note = rejected.note ? `: ${rejected.note}` : '.'
  return [signal('earlier', 'warn', `${rejected.decidedBy ?? 'Somebody'} rejected the like of it before${note}`)]
}

function peerSignals({ peers, peerTotal, peerHolding, terms, days }: Facts): Signal[] {
  if (peerTotal === 0) return []
  if (peerHolding === 0) {
    return [signal('peers', 'warn', `None of ${plural(peerTotal, 'other agent')} of its template holds it.`)]
  }
  const used = `${peers.using} used it in ${days} days`
  const held = signal(
    'peers',
    'ok',
    `${peerHolding} of ${plural(peerTotal, 'other agent')} of its template hold it; ${used}.`,
  )
  const limited = peers.items.filter(({ limits }) => limits.length > 0).length
  if (limited === 0 || terms.conditions.length > 0) return [held]
  return [
    held,
    signal('peers', 'warn', `${plural(limited, 'peer')} may use it only within limits; this one asks for none.`),
  ]
}

function denialSignals({ denials, days }: Facts): Signal[] {
  if (denials.count === 0) return []
  const text = `${plural(denials.count, 'call')} of exactly this ${denials.count === 1 ? 'was' : 'were'} refused in ${days} days.`
  return [signal('denials', 'neutral', text)]
}

function agentSignals({ usage, days, prompt, review, openEscalations }: Facts): Signal[] {
  const unused = usage.filter(({ verdict }) => verdict === 'unused').length
  return [
    ...(prompt.changes
      ? [signal('prompt', 'warn', `Its prompt has changed since it was asked for (version ${prompt.version}).`)]
      : []),
    ...(unused > 0
      ? [signal('unused', 'warn', `It did not need ${unused} of its ${plural(usage.length, 'grant')} in ${days} days.`)]
      : []),
    ...(review.lastAt === null || review.overdue
      ? [signal('review', 'warn', review.lastAt === null ? 'It was never reviewed.' : 'Its review is overdue.')]
      : []),
    ...(openEscalations > 0
      ? [
          signal(
            'escalations',
            'neutral',
            `${plural(openEscalations, 'escalation')} of it ${openEscalations === 1 ? 'waits' : 'wait'} for somebody.`,
          ),
        ]
      : []),
  ]
}

/** A rise is said when it is more than noise: five points of escalations on at least ten runs, or half as much cost again. */
function trendSignals({ trend: { now, before } }: Facts): Signal[] {
  const [rate, earlier] = [escalationRate(now), escalationRate(before)]
  const worse = rate !== null && earlier !== null && now.runs >= 10 && rate - earlier >= 0.05
  const priced = now.unpricedRequests === 0 && before.unpricedRequests === 0
  const dearer = priced && Number(before.costMicros) > 0 && Number(now.costMicros) >= 1.5 * Number(before.costMicros)
  return [
    ...(worse
      ? [signal('escalations', 'warn', `It escalates more: ${percent(rate)} of its runs, ${percent(earlier)} before.`)]
      : []),
    ...(dearer ? [signal('cost', 'neutral', 'It costs at least half as much again as in the days before.')] : []),
  ]
}

/** Null: no runs to divide by. */
export function escalationRate({ runs, escalatedRuns }: Pick<TrendSums, 'runs' | 'escalatedRuns'>): number | null {
  return runs === 0 ? null : escalatedRuns / runs
}

function percent(value: number): string {
  return `${Math.round(value * 1000) / 10} %`
}
