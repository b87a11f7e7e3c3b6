import type { ArgumentCondition } from '#lib/registry/schema/conditions.ts'
import type { ConditionBar, GrantProposal, GrantUsage, ToolArguments } from '../schema/usage.ts'
import { callsDenied, proposeConditions, type ToolEvidence } from './condition-proposals.ts'
import type { UsedGrant } from './least-privilege.ts'

const weekMs = 7 * 86_400_000

type About = { now: Date; days: number; bar: ConditionBar; evidenceOf: (tool: string) => ToolEvidence | undefined }

/**
 * Adds to how grants could be less under which conditions on arguments. A grant that covers the calls of a wider one gets none: with conditions it would cover them for nobody any more.
 */
export function withConditions(
  judged: readonly { grant: UsedGrant; usage: GrantUsage }[],
  about: Omit<About, 'evidenceOf'> & { evidenceOf: (serverId: string, tool: string) => ToolEvidence | undefined },
): GrantUsage[] {
  const covering = new Set(judged.flatMap(({ usage }) => usage.proposal?.coveredBy ?? []))
  return judged.map(({ grant, usage }) =>
    narrowArguments(
      { grant, usage, covers: covering.has(grant.grantId) },
      { ...about, evidenceOf: (tool) => about.evidenceOf(grant.serverId, tool) },
    ),
  )
}

function narrowArguments(
  { grant, usage, covers }: { grant: UsedGrant; usage: GrantUsage; covers: boolean },
  about: About,
): GrantUsage {
  const kept = toolsKept({ grant, usage, days: about.days, now: about.now })
  const found = kept.map((tool) => {
    const { window, before } = about.evidenceOf(tool) ?? { window: [], before: [] }
    const calls = grant.tools.find((each) => each.tool === tool)?.calls ?? 0
    const limits = { limited: grant.conditionPointers, bar: about.bar, now: about.now }
    const since = before.filter(({ week }) => week.getTime() + weekMs > grant.createdAt.getTime())
    return { tool, evidence: { window, before: since }, ...proposeConditions({ calls, window }, limits) }
  })
  const toolArguments: ToolArguments[] = found.map(({ tool, known, missing, conditions }) => ({
    tool,
    known,
    verdict: missing ? 'insufficient_data' : conditions.length > 0 ? 'narrower' : 'needed',
    missing,
  }))
  const narrower = covers ? [] : found.filter(({ conditions }) => conditions.length > 0)
  if (narrower.length === 0) return { ...usage, arguments: toolArguments }
  const proposal = usage.proposal ?? asIs(usage, { toolNames: kept, grant, now: about.now, days: about.days })
  return {
    ...usage,
    arguments: toolArguments,
    narrower: proposal.toolNames,
    proposal: limited(proposal, { narrower, grant }),
  }
}

type Narrower = { tool: string; evidence: ToolEvidence; conditions: ArgumentCondition[] }

function limited(
  proposal: GrantProposal,
  { narrower, grant }: { narrower: readonly Narrower[]; grant: UsedGrant },
): GrantProposal {
  const sum = (of: (each: Narrower) => number) => narrower.reduce((total, each) => total + of(each), 0)
  const before = (tool: string) => grant.tools.find((each) => each.tool === tool)?.callsBefore ?? 0
  const inWindow = (tool: string) => grant.tools.find((each) => each.tool === tool)?.calls ?? 0
  return {
    ...proposal,
    conditions: narrower.map(({ tool, conditions }) => ({ tool, conditions })),
    denials: proposal.denials + sum(({ evidence, conditions }) => callsDenied(conditions, evidence.window)),
    denialsBefore: proposal.denialsBefore + sum(({ evidence, conditions }) => callsDenied(conditions, evidence.before)),
    unknownBefore: sum(({ tool, evidence }) => {
      const knownBefore = evidence.before.reduce((total, { known }) => total + known, 0)
      // The first week that is looked at may have begun before the days that are: what it has of earlier calls met the conditions as well.
      const ofThatWeek = evidence.window.reduce((total, each) => total + each.calls, 0) - inWindow(tool)
      return Math.max(0, before(tool) - knownBefore - Math.max(0, ofThatWeek))
    }),
  }
}

/** Which of its tools a grant is left with; empty where it cannot be narrowed, or there is too little to tell. */
function toolsKept(about: { grant: UsedGrant; usage: GrantUsage; days: number; now: Date }): string[] {
  const { grant, usage } = about
  const { proposal, missing } = usage
  if (proposal) return proposal.kind === 'narrow' ? proposal.toolNames : []
  const used = grant.tools.filter(({ calls }) => calls > 0)
  // Methods of MCP need the whole server, and have no arguments that are looked at; a rate is kept for each grant.
  if (grant.breakGlass || missing || used.length === 0 || used.some((tool) => tool.class === null)) return []
  if (grant.toolName !== null) return grant.toolName === used[0]!.tool ? [grant.toolName] : []
  if (grant.rated && used.length > 1) return []
  return used.toSorted((a, b) => b.calls - a.calls || (a.tool < b.tool ? -1 : 1)).map(({ tool }) => tool)
}

/** The proposal for a grant whose tools are all needed. */
function asIs(
  usage: GrantUsage,
  about: { toolNames: string[]; grant: UsedGrant; now: Date; days: number },
): GrantProposal {
  const heldDays = Math.floor((about.now.getTime() - about.grant.createdAt.getTime()) / 86_400_000)
  return {
    kind: 'narrow',
    because: 'arguments',
    toolNames: about.toolNames,
    coveredBy: [],
    conditions: [],
    calls: usage.calls,
    denials: 0,
    denialsBefore: 0,
    unknownBefore: 0,
    daysBefore: Math.max(0, Math.min(heldDays - about.days, 400)),
  }
}
