import { recordAudit } from '#lib/audit/commands.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import { authorize, type Ctx, inTx } from '../ctx.ts'
import { lockKeys, makeKey, startNextKey } from '../signing-keys.ts'

export type KeyRotation = {
  kid: string
  /** When the new key begins to sign; until then the present one goes on. */
  signsFrom: Date
  /** Keys that verify nothing from now on; none in an ordinary rotation. */
  withdrawn: string[]
}

/**
 * Makes the next signing key of agent tokens. It takes over once every verifier has had time to see it, and the keys before it verify
 * until their last token has expired, so that no call fails by it. With `withdraw`, for a key that may be in other hands, the new key
 * signs at once and every token of the old ones ends now; open runs get new tokens, other clients ask again. Needs `keys:rotate`.
 */
export async function rotateSigningKey(
  ctx: Ctx,
  input: { secretBox: SecretBox; reason: string; withdraw: boolean },
): Promise<KeyRotation> {
  authorize(ctx, 'keys:rotate')
  const { secretBox, reason, withdraw } = input
  const made = await makeKey(secretBox)
  return inTx(ctx, async (tx, ctx) => {
    await lockKeys(ctx)
    const withdrawn = withdraw ? await withdrawKeys(ctx) : []
    const { kid, signsFrom } = await startNextKey(ctx, made)
    recordAudit(tx, ctx, {
      event: 'signing_key.rotated',
      subject: { kind: 'signing_key', id: kid, name: 'Signing key of agent tokens' },
      detail: { kid, signsFrom: signsFrom.toISOString(), withdrawn, reason },
    })
    return { kid, signsFrom, withdrawn }
  })
}

async function withdrawKeys(ctx: Ctx & { tx: NonNullable<Ctx['tx']> }): Promise<string[]> {
  const keys = await ctx.tx.signingKey.findMany({ where: { withdrawnAt: null }, select: { kid: true } })
  const kids = keys.map((key) => key.kid)
  await ctx.tx.signingKey.updateMany({ where: { kid: { in: kids } }, data: { withdrawnAt: ctx.now } })
  await ctx.tx.signingKey.updateMany({ where: { kid: { in: kids }, retiredAt: null }, data: { retiredAt: ctx.now } })
  // The worker renews what expires soon: so every open run has a token of the new key at its next look.
  await ctx.tx.run.updateMany({
    where: { state: { in: ['queued', 'running'] }, tokenExpiresAt: { not: null } },
    data: { tokenExpiresAt: ctx.now },
  })
  return kids
}
