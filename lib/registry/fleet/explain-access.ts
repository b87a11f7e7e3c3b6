import { capabilityOf } from '../schema/capabilities.ts'
import type { ExplainedPart } from '../schema/catalog.ts'
import { type AccessTest, type Reached, satisfies, stopText } from './access.ts'
import type { FleetAgent, FleetGrant } from './facts.ts'
import type { FleetIndex } from './fleet-index.ts'

/** A grant that is over: the catalog no longer knows of it. */
export type EndedGrant = Omit<FleetGrant, 'expiresAt'> & { ended: 'expired' | 'revoked'; at: Date }

/** Names shown of what a grant reaches, and reasons shown of why it does not. */
const toolsShown = 4
const reasonsShown = 8

/** Why an agent does or does not reach a tool that passes the test; what does not pass it is no reason. */
export function explainAccess(
  { index, agent, ended }: { index: FleetIndex; agent: FleetAgent; ended: readonly EndedGrant[] },
  { test, text }: { test: AccessTest; text: string },
): ExplainedPart {
  const inForce = agent.grants.filter(({ expiresAt }) => expiresAt === null || expiresAt > index.clock)
  const reaches = inForce.map((grant) => index.reachFor(grant, agent))
  const passing = unique(reaches.flatMap(({ reached }) => reached.filter((tool) => satisfies(tool, test)).map(placeOf)))
  const stop = index.stopOf(agent)
  if (passing.length > 0 && !stop) return { text, matches: true, because: `it reaches ${listed(passing)}` }
  const shut = reaches.flatMap(({ unreached }) => unreached.filter((tool) => satisfies(tool, test)))
  const reasons = [
    ...(stop ? [stopText(stop)] : []),
    ...(passing.length > 0 ? [`without that it would reach ${listed(passing)}`] : []),
    ...[...byReason(shut)].map(([why, places]) => `${listed(places)}: ${why}`),
    ...unique(ended.filter((grant) => wasAbout(grant, { index, agent, test })).map(endText)),
  ]
  const isCovered = passing.length > 0 || shut.length > 0
  const held = inForce.length === 0 ? 'it holds no grant in force' : 'no grant that it holds covers such a tool'
  const shown = [...(isCovered ? [] : [held]), ...reasons.slice(0, reasonsShown)]
  const left = reasons.length - reasonsShown
  return { text, matches: false, because: [...shown, ...(left > 0 ? [`and ${left} more`] : [])].join('; ') }
}

/** Whether a grant that is over covered a tool that passes. */
function wasAbout(
  grant: EndedGrant,
  { index, agent, test }: { index: FleetIndex; agent: FleetAgent; test: AccessTest },
): boolean {
  const { reached, unreached } = index.reachFor(grant, agent)
  return [...reached, ...unreached].some((tool) => satisfies(tool, test))
}

function endText({ serverId, class: of, toolName, ended, at }: EndedGrant): string {
  const what = toolName === null ? of : (capabilityOf(toolName)?.title.toLowerCase() ?? `${of} on ${toolName}`)
  return `its grant of ${serverId}: ${what} ${ended === 'expired' ? 'expired' : 'was revoked'} on ${at.toISOString()}`
}

function byReason(shut: readonly (Reached & { why: string })[]): Map<string, string[]> {
  const reasons = new Map<string, string[]>()
  for (const tool of shut) reasons.set(tool.why, unique([...(reasons.get(tool.why) ?? []), placeOf(tool)]))
  return reasons
}

function placeOf({ serverId, name }: { serverId: string; name: string }): string {
  const besides = capabilityOf(name)
  return besides ? `${serverId}: ${besides.title.toLowerCase()}` : `${serverId}/${name}`
}

function listed(places: readonly string[]): string {
  const more = places.length > toolsShown ? ` and ${places.length - toolsShown} more` : ''
  return `${places.slice(0, toolsShown).join(', ')}${more}`
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}
