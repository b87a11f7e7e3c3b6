import type { AccessGrant, ToolClass } from '#lib/registry/schema.ts'
import { limitTexts } from '#lib/registry/schema/conditions.ts'
import { covers } from '#lib/registry/rules.ts'
import { capabilityOf, isBesidesTools } from '#lib/registry/schema/capabilities.ts'
import { plural } from '#lib/core/count.ts'
import { grantCovers } from '../rules.ts'
import type { ScopeTerms } from '../schema.ts'
import type { ReachChange, TermDifference, ToolReach } from '../schema/context.ts'

type Tool = { name: string; class: ToolClass; description: string }

/** How each tool that a scope covers may be called now, and how it could be with the scope as well. */
export function reachOf(
  tools: readonly Tool[],
  { holds, terms, expiresAt }: { holds: readonly AccessGrant[]; terms: ScopeTerms; expiresAt: Date | null },
): ToolReach[] {
  const after = freedom(terms, expiresAt?.toISOString() ?? null)
  return tools.map(({ name, class: toolClass, description }) => {
    const tool = { name, class: toolClass, description }
    // On paper: a stop ends, and a policy that forbids the call forbids it with the scope as well.
    const covering = holds.filter((grant) => isOf(grant, tool) || coversBesides(grant, tool.name))
    const before = covering.map((grant) => freedom(grant, grant.expiresAt))
    return { ...tool, change: changeOf(tool, { covering, terms, expiresAt }), before, after }
  })
}

function changeOf(
  tool: Tool,
  { covering, terms, expiresAt }: { covering: readonly AccessGrant[]; terms: ScopeTerms; expiresAt: Date | null },
): ReachChange {
  if (covering.length === 0) return 'new'
  const wanted = { ...terms, class: tool.class, toolName: tool.name, expiresAt }
  const held = covering.map((grant) => ({
    ...grant,
    toolName: tool.name,
    expiresAt: grant.expiresAt === null ? null : new Date(grant.expiresAt),
  }))
  if (held.some((grant) => grantCovers(grant, wanted))) return 'none'
  return held.some((grant) => grantCovers({ ...grant, expiresAt: null }, wanted)) ? 'longer' : 'freer'
}

function isOf(grant: AccessGrant, tool: Tool): boolean {
  if (grant.toolName !== null) return grant.toolName === tool.name && covers(grant.class, tool.class)
  return !isBesidesTools(tool.name) && covers(grant.class, tool.class)
}

/** A grant of the whole server without conditions opens what the server offers besides tools. */
function coversBesides(grant: AccessGrant, name: string): boolean {
  return grant.toolName === null && grant.conditions.length === 0 && capabilityOf(name)?.grantedBy === 'server'
}

/** `only when /amount is at most 1000, until 2026-12-01`. */
function freedom(limits: Parameters<typeof limitTexts>[0], expiresAt: string | null): string {
  const texts = limitTexts(limits)
  const when = texts.length === 0 ? 'freely' : `only when ${texts.join(' and ')}`
  return `${when}, ${expiresAt === null ? 'until revoked' : `until ${expiresAt.slice(0, 10)}`}`
}

const verbs: Record<ToolClass, string> = { read: 'read', write: 'change', destructive: 'delete for good' }

/** What would newly be reached, in a sentence: what could be done, to which data, where. */
export function blastRadiusText(
  reached: readonly ToolReach[],
  { agent, server }: { agent: string; server: Server },
): string {
  const changed = reached.filter(({ change }) => change !== 'none')
  if (changed.length === 0) return `${agent} can call all of this already: nothing changes.`
  const kinds = server.dataClasses.length === 0 ? '' : ` (${server.dataClasses.map(words).join(', ')})`
  const besides = changed.flatMap(({ name, change }) => {
    const one = capabilityOf(name)
    if (!one) return []
    const how = change === 'longer' ? 'For longer than now: ' : ''
    return [
      `${how}${one.says} That is for ${agent} at ${server.name}, in ${server.environment}, over ${server.sensitivity} data${kinds}. Risk: ${one.risk}. ${one.riskSays}`,
    ]
  })
  const tools = changed.filter(({ name }) => !capabilityOf(name))
  return [...(tools.length > 0 ? [toolsText(tools, { agent, server, kinds })] : []), ...besides].join(' ')
}

type Server = { name: string; environment: string; sensitivity: string; dataClasses: readonly string[] }

function toolsText(
  changed: readonly ToolReach[],
  { agent, server, kinds }: { agent: string; server: Server; kinds: string },
): string {
  const data = `${server.sensitivity} data${kinds} on ${server.name}, in ${server.environment}`
  const fresh = changed.filter(({ change }) => change === 'new')
  if (fresh.length === 0) {
    const how = changed.some(({ change }) => change === 'freer') ? 'more freely' : 'for longer'
    return `${agent} could call ${plural(changed.length, 'tool')} ${how} than now, over ${data}.`
  }
  const classes = (['destructive', 'write', 'read'] as const).filter((one) => fresh.some((tool) => tool.class === one))
  const counts = classes.map((one) => plural(fresh.filter((tool) => tool.class === one).length, `${one} tool`))
  return `${agent} could newly ${classes.map((one) => verbs[one]).join(' and ')} ${data}, with ${counts.join(' and ')}.`
}

export function words(text: string): string {
  return text.replaceAll('_', ' ')
}

/** What differs between what was asked for and what was granted. */
export function termDifferences(asked: ScopeTerms, granted: ScopeTerms): TermDifference[] {
  const texts = (terms: ScopeTerms) => ({
    class: terms.class,
    tools: terms.toolNames.toSorted().join(', ') || 'every tool of the class',
    days: terms.days === null ? 'until revoked' : plural(terms.days, 'day'),
    conditions: limitTexts({ conditions: terms.conditions, rate: null }).join(', ') || 'any arguments',
    rate: limitTexts({ conditions: [], rate: terms.rate }).join('') || 'no rate',
  })
  const [before, after] = [texts(asked), texts(granted)]
  return (['class', 'tools', 'days', 'conditions', 'rate'] as const)
    .filter((field) => before[field] !== after[field])
    .map((field) => ({ field, asked: before[field], granted: after[field] }))
}
