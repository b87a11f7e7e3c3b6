import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { claimOnce } from '../agent-token-client.ts'
import type { DpopProof } from '../rules/dpop.ts'

/**
 * True for the first who presents a proof of possession (RFC 9449 §11.1), at whichever broker or portal. Only processes of the platform; throws what the database
 * throws, and then the proof does not count.
 */
export async function claimProof(ctx: Ctx, { jkt, jti, until }: DpopProof): Promise<boolean> {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
  return await inTx(ctx, async (_, ctx) => claimOnce(ctx, { by: `dpop:${jkt}`, jti, until }))
}
