import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import type { ArgumentCondition } from '#lib/registry/schema/conditions.ts'
import { callsDenied, callsUnknown } from '../rules/condition-proposals.ts'
import { usageOfAgents } from './grant-calls.ts'
import { argumentsKnown, keyOf } from './known-arguments.ts'
import { refuse } from '../rules.ts'
import type { ScopeRefusal } from '../schema.ts'
import type { GrantProposal } from '../schema/usage.ts'

/**
 * Refuses to follow a proposal that was read a while ago and does not hold any more: by now the grant is called, or what covered its calls has ended. For a grant whose agent is
 * locked; null: it holds.
 */
export async function proposalProblem(
  ctx: Ctx & { tx: Tx },
  grant: { id: string; agentId: string; serverId: string },
  follow: { days: number } & (
    | { kind: 'revoke' }
    | { kind: 'narrow'; toolNames: readonly string[]; conditions: ReadonlyMap<string, readonly ArgumentCondition[]> }
  ),
): Promise<{ ok: false; error: ScopeRefusal } | null> {
  const usage = await usageOfAgents(ctx, { agentIds: [grant.agentId], days: follow.days })
  const found = usage.get(grant.agentId)?.find(({ grantId }) => grantId === grant.id)
  const proposal = found?.proposal ?? null
  if (follow.kind === 'revoke') {
    if (proposal?.kind === 'revoke') return null
  } else {
    // Conditions are held against the calls themselves: so it does not matter what they were proposed with.
    const tools = found?.tools.map(({ tool }) => tool) ?? []
    const keeps =
      proposal?.kind === 'narrow'
        ? keepsAll(proposal, follow.toolNames)
        : tools.every((tool) => follow.toolNames.includes(tool))
    const isNarrower = proposal?.kind === 'narrow' || follow.conditions.size > 0
    if (
      proposal?.kind !== 'revoke' &&
      isNarrower &&
      keeps &&
      (await fitsEveryCall(ctx, { grant, follow, used: found?.tools ?? [] }))
    )
      return null
  }
  const message = 'This is not proposed any more: what is called, or what else is held, has changed. Read it again.'
  return refuse('scopes:not_proposed', message)
}

function keepsAll(proposal: GrantProposal, toolNames: readonly string[]): boolean {
  return proposal.toolNames.every((tool) => toolNames.includes(tool))
}

async function fitsEveryCall(
  ctx: Ctx,
  about: {
    grant: { agentId: string; serverId: string }
    used: readonly { tool: string; calls: number }[]
    follow: { days: number; conditions: ReadonlyMap<string, readonly ArgumentCondition[]> }
  },
): Promise<boolean> {
  const { agentId, serverId } = about.grant
  const { days, conditions } = about.follow
  if (conditions.size === 0) return true
  const known = await argumentsKnown(ctx, { agentIds: [agentId], days })
  return [...conditions].every(([tool, wanted]) => {
    const window = known.get(keyOf({ agentId, serverId, tool }))?.window ?? []
    const calls = about.used.find((each) => each.tool === tool)?.calls ?? 0
    return callsUnknown({ calls, window }) === 0 && callsDenied(wanted, window) === 0
  })
}
