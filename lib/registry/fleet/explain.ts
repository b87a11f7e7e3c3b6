import { plural, times } from '#lib/core/count.ts'
import type { AgentQuery, QueryNode, QueryValue, Range, Term } from '../query/ast.ts'
import { isAccessKey } from '../query/keys.ts'
import { printNode } from '../query/print.ts'
import { dayNumber, inRange, isoDayOf } from '../query/values.ts'
import type { ExplainedPart } from '../schema/catalog.ts'
import { driftOf } from './drift.ts'
import { accessTestOf, isSponsor, isVersion, matchesDrift, modelTest, textOfValue } from './evaluate.ts'
import { type EndedGrant, explainAccess } from './explain-access.ts'
import type { FleetAgent } from './facts.ts'
import { type FleetIndex, textOf } from './fleet-index.ts'
import { escalationOf, lastActiveDay } from './sort-keys.ts'

/** `ended`: its grants that are over. */
type About = { index: FleetIndex; agent: FleetAgent; ended: readonly EndedGrant[]; now: number }

/** Why an agent does or does not match, part by part. It looks at the one agent alone, not at the bitmaps that find many. */
export function explainQuery(about: About, query: AgentQuery): { matches: boolean; parts: ExplainedPart[] } {
  const parts = explainItems(about, query.items)
  return { matches: parts.every((part) => part.matches), parts }
}

function explainItems(about: About, items: readonly QueryNode[]): ExplainedPart[] {
  const { test, others } = accessTestOf(items)
  const text = items
    .filter((item) => !others.includes(item))
    .map(printNode)
    .join(' ')
  return [...(test ? [explainAccess(about, { test, text })] : []), ...others.map((item) => explainNode(about, item))]
}

function explainNode(about: About, node: QueryNode): ExplainedPart {
  const text = printNode(node)
  switch (node.kind) {
    case 'word': {
      const matches = textOf(about.agent).includes(node.text)
      return {
        text,
        matches,
        because: matches ? 'id, name or purpose contains it' : 'neither id, name nor purpose contains it',
      }
    }
    case 'not': {
      const inside = explainNode(about, node.item)
      return {
        text,
        matches: !inside.matches,
        because: `without the minus it ${inside.matches ? 'matches' : 'does not match'}: ${inside.because}`,
      }
    }
    case 'and': {
      const parts = explainItems(about, node.items)
      const matches = parts.every((part) => part.matches)
      return { text, matches, because: matches ? 'every part matches' : 'not every part matches', parts }
    }
    case 'or': {
      const parts = node.items.map((item) => explainNode(about, item))
      const matches = parts.some((part) => part.matches)
      return { text, matches, because: matches ? 'one alternative matches' : 'no alternative matches', parts }
    }
    case 'term':
      if (isAccessKey(node.key))
        return explainAccess(about, { test: { [node.key]: node.values.map(textOfValue) }, text })
      return { text, ...explainTerm(about, node) }
  }
}

function explainTerm(about: About, { key, values }: Term): { matches: boolean; because: string } {
  const { index, agent, now } = about
  const { facts } = index
  const any = (matches: (value: QueryValue) => boolean) => values.some(matches)
  switch (key) {
    case 'status':
      return { matches: any((value) => textOfValue(value) === agent.status), because: `it is ${agent.status}` }
    case 'tier':
      return { matches: any((value) => textOfValue(value) === agent.tier), because: `its tier is ${agent.tier}` }
    case 'owner': {
      const name = facts.teams.get(agent.ownerTeamId)?.name ?? ''
      const matches = any((value) => [agent.ownerTeamId, name.toLowerCase()].includes(textOfValue(value)))
      return { matches, because: `its owner is ${name} (${agent.ownerTeamId})` }
    }
    case 'model':
      return {
        matches: any((value) => modelTest(index, textOfValue(value))(agent.model)),
        because: `it runs on ${agent.model}`,
      }
    case 'sponsor': {
      const person = facts.people.get(agent.personId)
      const who = person ? `${person.name}${person.active ? '' : ', who cannot sign in any more,'}` : 'nobody'
      return { matches: any((value) => isSponsor(person, textOfValue(value))), because: `${who} is accountable for it` }
    }
    case 'template': {
      const version = `${agent.templateId}@${agent.templateVersion}`
      const matches = any((value) =>
        value.is === 'version' ? isVersion(version, value) : textOfValue(value) === agent.templateId,
      )
      return { matches, because: `it is made from ${version}` }
    }
    case 'drift': {
      const latest = facts.templates.get(agent.templateId)?.latest ?? null
      const drift = driftOf(agent.templateVersion, latest)
      const because =
        drift === 'none'
          ? 'it is on the newest version of its template'
          : `it is on ${agent.templateVersion}, ${latest} is out (${drift})`
      return { matches: any((value) => matchesDrift(drift, textOfValue(value))), because }
    }
    case 'orphaned': {
      const person = facts.people.get(agent.personId)
      const orphaned = agent.status !== 'retired' && !person?.active
      const because = person?.active
        ? `${person.name} answers for it`
        : `${person?.name ?? 'whoever answered for it'} cannot sign in${agent.status === 'retired' ? ', but it is retired' : ''}`
      return { matches: any((value) => (textOfValue(value) === 'yes') === orphaned), because }
    }
    case 'overdue': {
      const late = agent.status !== 'retired' && agent.nextReviewAt !== null && agent.nextReviewAt < now
      const due =
        agent.nextReviewAt === null
          ? 'no review is due'
          : `its review is due on ${isoDayOf(dayNumber(agent.nextReviewAt))}`
      return { matches: any((value) => (textOfValue(value) === 'yes') === late), because: due }
    }
    case 'reviewed': {
      const day = agent.lastReviewedAt === null ? null : dayNumber(agent.lastReviewedAt)
      const matches = any((value) => (value.is === 'range' ? day !== null && within(day, value.range) : day === null))
      return { matches, because: day === null ? 'it was never reviewed' : `it was reviewed on ${isoDayOf(day)}` }
    }
    case 'runs':
      return {
        matches: any((value) => value.is === 'range' && within(agent.runs, value.range)),
        because: `it ran ${times(agent.runs)} in 30 days`,
      }
    case 'cost': {
      const dollars = (bound: number) => Math.round(bound * 1_000_000)
      const matches = any((value) => value.is === 'range' && within(agent.cost, scaled(value.range, dollars)))
      return { matches, because: `it cost ${agent.cost / 1_000_000} dollars in 30 days` }
    }
    case 'escalation': {
      const rate = escalationOf(agent)
      const matches = any((value) => value.is === 'range' && rate !== null && within(rate, value.range))
      return {
        matches,
        because:
          rate === null ? 'it did not run in 30 days' : `${Math.round(rate * 1000) / 10} % of its runs escalated`,
      }
    }
    case 'idle': {
      const days = dayNumber(now) - lastActiveDay(agent)
      const since = agent.lastRunDay === null ? 'was registered' : 'last ran'
      return {
        matches: any((value) => value.is === 'range' && within(days, value.range)),
        because: `it ${since} ${days === 0 ? 'today' : `${plural(days, 'day')} ago`}`,
      }
    }
    default:
      return { matches: false, because: '' }
  }
}

function within(value: number, range: Range<number>): boolean {
  return inRange(value, range, (a, b) => a - b)
}

function scaled({ min, max }: Range<number>, scale: (value: number) => number): Range<number> {
  return { min: min && { ...min, at: scale(min.at) }, max: max && { ...max, at: scale(max.at) } }
}
