import { covers } from '#lib/registry/rules.ts'
import { methodPrefix, type ToolClass } from '#lib/registry/schema.ts'
import {
  callsToProposeMin,
  type ConditionBar,
  conditionBar,
  type GrantProposal,
  type GrantUsage,
} from '../schema/usage.ts'
import type { ToolEvidence } from './condition-proposals.ts'
import { withConditions } from './narrower-arguments.ts'

const dayMs = 86_400_000
/** Traffic of days is kept for so long (lib/metrics). */
const daysKept = 400

/** A grant that is held, with what was called under it. */
export type UsedGrant = {
  grantId: string
  serverId: string
  class: ToolClass
  toolName: string | null
  createdAt: Date
  expiresAt: Date | null
  /** Conditions or a rate: what it covers, another one may not. */
  limited: boolean
  rated: boolean
  /** Arguments that it has conditions on. */
  conditionPointers: readonly string[]
  breakGlass: boolean
  /** How many approved tools it reaches. */
  reached: number
  tools: UsedTool[]
}

/** `class` null: a method of MCP, which is no tool. `callsBefore`: since the grant was given, before the days that are looked at. */
export type UsedTool = {
  tool: string
  class: ToolClass | null
  calls: number
  callsBefore: number
  lastAt: Date | null
}

/**
 * What of an agent's grants its calls needed, and how each could be less. The narrowest grant comes first: a call is put down to it, and what a wider one covers as well
 * needs no second time, so all proposals of an agent can be followed together and every call that was looked at stays allowed.
 */
export function judgeGrants(grants: readonly UsedGrant[], about: Judgement): GrantUsage[] {
  const judged: { grant: UsedGrant; usage: GrantUsage }[] = []
  for (const grant of grants.toSorted(narrowerFirst)) {
    const coveredBy = (tool: UsedTool) => judged.find((earlier) => staysAllowed(earlier, { tool, grant }))
    judged.push({
      grant,
      usage: judge(grant, { ...about, coveredBy: (tool) => coveredBy(tool)?.grant.grantId ?? null }),
    })
  }
  const { now, days, bar = conditionBar, evidenceOf = () => undefined } = about
  return withConditions(judged, { now, days, bar, evidenceOf })
}

/** `evidenceOf`: what is known of the arguments of a server's tool; left out: nothing. */
export type Judgement = {
  now: Date
  days: number
  bar?: ConditionBar
  evidenceOf?: (serverId: string, tool: string) => ToolEvidence | undefined
}

function narrowerFirst(a: UsedGrant, b: UsedGrant): number {
  const breadth = (grant: UsedGrant) => (grant.toolName === null ? 1 + grant.reached : 1)
  const ends = (grant: UsedGrant) => grant.expiresAt?.getTime() ?? Infinity
  // Of two that reach the same the longer one stays.
  return breadth(a) - breadth(b) || Math.sign(ends(b) - ends(a)) || (a.grantId < b.grantId ? -1 : 1)
}

/** Whether a narrower grant goes on covering a tool, also when what is proposed for it is done. */
function staysAllowed(
  { grant: narrower, usage }: { grant: UsedGrant; usage: GrantUsage },
  { tool, grant }: { tool: UsedTool; grant: UsedGrant },
): boolean {
  if (narrower.limited || narrower.breakGlass || narrower.serverId !== grant.serverId) return false
  const asLong = narrower.expiresAt === null || (grant.expiresAt !== null && narrower.expiresAt >= grant.expiresAt)
  if (!asLong || usage.proposal?.kind === 'revoke') return false
  if (usage.proposal) return usage.proposal.toolNames.includes(tool.tool)
  if (tool.class === null) return narrower.toolName === null
  return covers(narrower.class, tool.class) && (narrower.toolName === null || narrower.toolName === tool.tool)
}

type Judging = { now: Date; days: number; coveredBy: (tool: UsedTool) => string | null }

function judge(grant: UsedGrant, { now, days, coveredBy }: Judging): GrantUsage {
  const { grantId, serverId, class: toolClass, toolName } = grant
  const used = grant.tools.filter(({ calls }) => calls > 0)
  const calls = used.reduce((sum, tool) => sum + tool.calls, 0)
  const heldDays = Math.floor((now.getTime() - grant.createdAt.getTime()) / dayMs)
  const isCounted = !toolName?.startsWith(methodPrefix)
  const missing = {
    days: isCounted ? Math.max(0, days - heldDays) : 0,
    calls: calls > 0 && isCounted ? Math.max(0, callsToProposeMin - calls) : 0,
  }
  const tooYoung = grant.createdAt.getTime() > now.getTime() - days * dayMs
  const verdict = calls > 0 ? 'used' : tooYoung || !isCounted ? 'insufficient_data' : 'unused'
  const judgeable = isCounted && !tooYoung && !grant.breakGlass && (calls === 0 || missing.calls === 0)
  const wanted = judgeable ? proposalFor(grant, { used, coveredBy }) : null
  const proposal = wanted && withDenials(wanted, { grant, coveredBy, daysBefore: heldDays - days, calls })
  const lastAt = used.map((tool) => tool.lastAt?.getTime() ?? 0)
  return {
    grantId,
    serverId,
    class: toolClass,
    toolName,
    verdict,
    calls,
    lastUsedAt: lastAt.length === 0 ? null : new Date(Math.max(...lastAt)).toISOString(),
    tools: used
      .map(({ tool, class: of, calls: times }) => ({ tool, class: of, calls: times }))
      .toSorted((a, b) => b.calls - a.calls || (a.tool < b.tool ? -1 : 1)),
    arguments: [],
    narrower: proposal?.kind === 'narrow' ? proposal.toolNames : null,
    proposal,
    missing: missing.days === 0 && missing.calls === 0 ? null : missing,
  }
}

type Wanted = Pick<GrantProposal, 'kind' | 'because' | 'toolNames' | 'coveredBy'>

function proposalFor(
  grant: UsedGrant,
  { used, coveredBy }: { used: readonly UsedTool[]; coveredBy: Judging['coveredBy'] },
): Wanted | null {
  if (used.length === 0) return { kind: 'revoke', because: 'unused', toolNames: [], coveredBy: [] }
  const needed = used.filter((tool) => coveredBy(tool) === null)
  const others = [...new Set(used.flatMap((tool) => coveredBy(tool) ?? []))]
  if (needed.length === 0) return { kind: 'revoke', because: 'covered', toolNames: [], coveredBy: others }
  // Methods of MCP need the whole server; a grant of one tool is as narrow as it gets.
  if (grant.toolName !== null || needed.some((tool) => tool.class === null)) return null
  // A rate is kept for each grant: several would allow more.
  if ((grant.rated && needed.length > 1) || needed.length >= grant.reached) return null
  const toolNames = needed.toSorted((a, b) => b.calls - a.calls || (a.tool < b.tool ? -1 : 1)).map(({ tool }) => tool)
  return { kind: 'narrow', because: 'narrower', toolNames, coveredBy: others }
}

/** On the days that are looked at it denies nothing, by construction; on those before it, what was called then and is not covered any more. */
function withDenials(
  wanted: Wanted,
  about: { grant: UsedGrant; coveredBy: Judging['coveredBy']; daysBefore: number; calls: number },
): GrantProposal {
  const { grant, coveredBy, daysBefore, calls } = about
  const lost = grant.tools.filter((tool) => !wanted.toolNames.includes(tool.tool) && coveredBy(tool) === null)
  return {
    ...wanted,
    conditions: [],
    calls,
    denials: lost.reduce((sum, tool) => sum + tool.calls, 0),
    denialsBefore: lost.reduce((sum, tool) => sum + tool.callsBefore, 0),
    unknownBefore: 0,
    daysBefore: Math.max(0, Math.min(daysBefore, daysKept)),
  }
}
