import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { usageOfAgents } from './grant-calls.ts'
import { refuse } from '../rules.ts'
import type { ScopeRefusal } from '../schema.ts'
import type { GrantProposal } from '../schema/usage.ts'

/**
 * Refuses to follow a proposal that was read a while ago and does not hold any more: by now the grant is called, or what covered its calls has ended. For a grant whose agent is
 * locked; null: it holds.
 */
export async function proposalProblem(
  ctx: Ctx & { tx: Tx },
  grant: { id: string; agentId: string },
  follow: { days: number } & ({ kind: 'revoke' } | { kind: 'narrow'; toolNames: readonly string[] }),
): Promise<{ ok: false; error: ScopeRefusal } | null> {
  const usage = await usageOfAgents(ctx, { agentIds: [grant.agentId], days: follow.days })
  const proposal = usage.get(grant.agentId)?.find(({ grantId }) => grantId === grant.id)?.proposal ?? null
  if (proposal?.kind === follow.kind && (follow.kind === 'revoke' || keepsAll(proposal, follow.toolNames))) return null
  const message = 'This is not proposed any more: what is called, or what else is held, has changed. Read it again.'
  return refuse('scopes:not_proposed', message)
}

function keepsAll(proposal: GrantProposal, toolNames: readonly string[]): boolean {
  return proposal.toolNames.every((tool) => toolNames.includes(tool))
}
