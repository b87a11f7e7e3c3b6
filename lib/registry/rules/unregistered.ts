import { cutText } from '#lib/core/storable.ts'
import type { FoundDefinition, Sighting, UnregisteredSource, UnregisteredState } from '../schema/unregistered.ts'

/** Of what a caller only claims, so many are kept apart; whoever sends more is counted as one. Then nobody can fill the table. */
export const claimedMax = 200
export const othersKey = '(others)'
/** A caller that was dismissed goes on for a while: only one that is still there a day later is news. */
const quietMs = 24 * 60 * 60_000

type Known = { state: UnregisteredState; decidedAt: Date | null }

/**
 * Whether something comes back to those that wait for a decision. A dismissed caller does when it calls again a day after it was dismissed or
 * later; a dismissed agent at Claude when it does something (`acted`: a new version, or a session); one that was gone when it is
 * there again; one that was adopted, or dismissed and only imported again, does not.
 */
export function comesBack(known: Known, seen: { source: UnregisteredSource; at: Date; acted: boolean }): boolean {
  if (known.state === 'gone') return true
  if (known.state !== 'dismissed' || !known.decidedAt) return false
  if (seen.source === 'claude') return seen.acted
  if (seen.source === 'import') return false
  return seen.at.getTime() - known.decidedAt.getTime() >= quietMs
}

/** As it is kept: one line, nothing that hides or turns what stands beside it, not endless. */
export function tidySighting(sighting: Sighting): Sighting {
  const detail = Object.entries(sighting.detail).map(([key, value]) => [tidy(key, 50), tidy(value, 500)] as const)
  return {
    ...sighting,
    key: tidy(sighting.key, 300),
    name: tidy(sighting.name, 100) || 'without a name',
    detail: Object.fromEntries(detail.slice(0, 20).filter(([, value]) => value !== '')),
    ...(sighting.definition ? { definition: tidyDefinition(sighting.definition) } : {}),
  }
}

/** The prompt keeps its lines and its length: Claude takes no longer ones than we keep. */
function tidyDefinition(given: FoundDefinition): FoundDefinition {
  const names = (all: readonly string[]) => all.slice(0, 200).map((name) => tidy(name, 300))
  return {
    description: tidy(given.description, 2000),
    model: tidy(given.model, 200),
    system: cutText(given.system, 500_000),
    tools: names(given.tools),
    mcpServers: given.mcpServers
      .slice(0, 100)
      .map(({ name, url }) => ({ name: tidy(name, 300), url: tidy(url, 1000) })),
    skills: names(given.skills),
  }
}

function tidy(text: string, lengthMax: number): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}]+/gu, ' ')
    .trim()
    .slice(0, lengthMax)
    .toWellFormed()
}
