import type { SimilarAgent } from '../schema/similar.ts'
import { forEachBit } from './bitmap.ts'
import type { FleetAgent } from './facts.ts'
import type { FleetIndex } from './fleet-index.ts'

/** How much of the likeness comes from what agents hold, what they are for and what they are made from. */
const weights = { scopes: 0.5, purpose: 0.4, template: 0.1 } as const
/** Purposes are compared for so many agents, those that hold most alike. */
const comparedMax = 2_000
/** Less alike than this is not similar. */
const scoreMin = 0.35

/**
 * Agents that do what this one does: scopes are compared as the share of grants in common (Jaccard index of kinds of grant), purposes as the share of words in common. Only
 * agents that share a grant or the template are looked at, by their bitmaps; retired ones are left out.
 */
export function similarTo(agent: FleetAgent, { index, limit }: { index: FleetIndex; limit: number }): SimilarAgent[] {
  const own = index.slotOf.get(agent.id)
  const kinds = own === undefined ? [] : index.kinds(own)
  const shared = new Map<number, number>()
  for (const kind of kinds) {
    forEachBit(index.bits('kind', kind)!, (slot) => shared.set(slot, (shared.get(slot) ?? 0) + 1))
  }
  const ofTemplate = index.bits('template', agent.templateId)
  if (ofTemplate) forEachBit(ofTemplate, (slot) => shared.set(slot, shared.get(slot) ?? 0))
  if (own !== undefined) shared.delete(own)
  const words = wordsOf(agent.purpose)
  return [...shared]
    .filter(([slot]) => index.agent(slot).status !== 'retired')
    .map(([slot, count]) => ({ slot, count, of: kinds.length + index.kinds(slot).length - count }))
    .toSorted((a, b) => shareOf(b.count, b.of) - shareOf(a.count, a.of))
    .slice(0, comparedMax)
    .map(({ slot, count, of }) => viewOf(index.agent(slot), { agent, words, index, count, of }))
    .filter(({ score }) => score >= scoreMin)
    .toSorted((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
    .slice(0, limit)
}

function viewOf(
  other: FleetAgent,
  about: { agent: FleetAgent; words: ReadonlySet<string>; index: FleetIndex; count: number; of: number },
): SimilarAgent {
  const { agent, words, index, count, of } = about
  const purpose = alike(words, wordsOf(other.purpose))
  const sameTemplate = other.templateId === agent.templateId
  return {
    id: other.id,
    name: other.name,
    purpose: other.purpose,
    owner: { id: other.ownerTeamId, name: index.facts.teams.get(other.ownerTeamId)?.name ?? other.ownerTeamId },
    status: other.status,
    sameTemplate,
    scopes: { shared: count, of },
    purposeAlike: purpose,
    score: weights.scopes * shareOf(count, of) + weights.purpose * purpose + (sameTemplate ? weights.template : 0),
  }
}

function alike(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let both = 0
  for (const word of a) if (b.has(word)) both += 1
  return shareOf(both, a.size + b.size - both)
}

/** Two that have nothing have nothing in common. */
function shareOf(count: number, of: number): number {
  return of === 0 ? 0 : count / of
}

/** Words of three letters or more, whatever their case and script. */
function wordsOf(text: string): Set<string> {
  return new Set(text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu))
}
