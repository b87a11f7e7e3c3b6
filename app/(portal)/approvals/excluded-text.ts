import type { ExcludedDecider } from '#lib/guardrails/schema/held-calls.ts'

const texts = {
  starter: 'whoever started the run or wrote the version that runs',
  accountable: 'whoever is accountable for the agent',
  own_team: 'anybody of the team that owns the agent',
} as const satisfies Record<ExcludedDecider, string>

export function excludedText(who: ExcludedDecider): string {
  return texts[who]
}
