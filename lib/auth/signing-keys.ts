import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { JWK } from 'jose'
import { recordAudit } from '#lib/audit/commands.ts'
import { canonicalJson } from '#lib/core/canonical-json.ts'
import { invariant } from '#lib/core/errors.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { type Ctx, inTx, reader } from './ctx.ts'
import { verifiesAfterRetirementMs } from './rules/access-token.ts'

/** Verifiers may keep the published keys for this long (Cache-Control of the JWK set). */
export const jwksAgeSecondsMax = 60
/** A new key signs only after everybody has had time to see it: brokers, which poll each second, and who kept the JWK set a moment before. */
const settleMs = 2 * jwksAgeSecondsMax * 1000
/** A key signs for a month; the first token after that starts the next one. */
const signsForMs = 30 * 86_400_000

const notedEveryMs = 60_000

const creationLockKey = 5_432_002

/**
 * The key to sign with now. The first call ever creates it, and one a month later starts the next while the present one goes on until that
 * is settled, so no token fails by it. Two calls at once agree on one key.
 */
export async function signingKey(ctx: Ctx, secretBox: SecretBox): Promise<{ kid: string; privateKey: KeyObject }> {
  const present = await usableKey(ctx)
  const row = present && !isOld(present, ctx.now) ? present : await createNextKey(ctx, secretBox)
  const jwk = JSON.parse(await secretBox.open(row.privateCiphertext, sealContexts.signingKey(row.kid))) as JWK
  return { kid: row.kid, privateKey: createPrivateKey({ key: jwk, format: 'jwk' }) }
}

/** Notes that it signs, once a minute: whoever signs at the same moment does not wait for the other to note it. */
export async function noteSigned({ tx, db, now }: Ctx, kid: string): Promise<void> {
  const since = new Date(now.getTime() - notedEveryMs)
  await (tx ?? db).$executeRaw`update "SigningKey" set "lastUsedAt" = ${now} where "kid" in (
    select "kid" from "SigningKey" where "kid" = ${kid} and ("lastUsedAt" is null or "lastUsedAt" < ${since})
    for no key update skip locked)`
}

/** The public halves that verifiers accept, newest first. */
export async function publishedKeys(ctx: Ctx): Promise<JWK[]> {
  const since = new Date(ctx.now.getTime() - verifiesAfterRetirementMs)
  const rows = await reader(ctx).signingKey.findMany({
    where: { withdrawnAt: null, OR: [{ retiredAt: null }, { retiredAt: { gt: since } }] },
    orderBy: { createdAt: 'desc' },
    select: { publicJwk: true },
  })
  return rows.map((row) => row.publicJwk as JWK)
}

type InTx = Ctx & { tx: NonNullable<Ctx['tx']> }
type KeyRow = { kid: string; privateCiphertext: Uint8Array; createdAt: Date }

async function usableKey(ctx: Ctx): Promise<KeyRow | undefined> {
  const keys = await reader(ctx).signingKey.findMany({
    where: { withdrawnAt: null, OR: [{ retiredAt: null }, { retiredAt: { gt: ctx.now } }] },
    orderBy: { createdAt: 'desc' },
    select: { kid: true, privateCiphertext: true, createdAt: true, retiredAt: true, withdrawnAt: true },
  })
  return signingNow(keys, ctx.now)
}

type KeyTimes = { createdAt: Date; retiredAt: Date | null; withdrawnAt: Date | null }

/** Which of the keys, newest first, signs now: the newest that is settled, else the oldest there is. */
export function signingNow<K extends KeyTimes>(keys: readonly K[], now: Date): K | undefined {
  const usable = keys.filter((key) => !key.withdrawnAt && (!key.retiredAt || key.retiredAt > now))
  return usable.find((key) => key.createdAt.getTime() <= now.getTime() - settleMs) ?? usable.at(-1)
}

async function createNextKey(ctx: Ctx, secretBox: SecretBox): Promise<KeyRow> {
  // Made and sealed before the transaction: the key that seals may be in another house. Of two made at once, one is thrown away.
  const made = await makeKey(secretBox)
  return inTx(ctx, async (_, ctx) => {
    await lockKeys(ctx)
    const newest = await ctx.tx.signingKey.findFirst({ where: { retiredAt: null }, orderBy: { createdAt: 'desc' } })
    if (!newest || isOld(newest, ctx.now)) await startNextKey(ctx, made)
    const usable = await usableKey(ctx)
    invariant(usable, 'there is a signing key')
    return usable
  })
}

/** Whoever changes which key signs waits here for who does already. */
export async function lockKeys(ctx: InTx): Promise<void> {
  await ctx.tx.$queryRaw`select 1 from pg_advisory_xact_lock(${creationLockKey})`
}

/** Makes the key that signs next; the ones before it go on until it is settled, and then verify until their last token has expired. */
export async function startNextKey(ctx: InTx, made: MadeKey): Promise<{ kid: string; signsFrom: Date }> {
  const signsFrom = new Date(ctx.now.getTime() + settleMs)
  const { count } = await ctx.tx.signingKey.updateMany({ where: { retiredAt: null }, data: { retiredAt: signsFrom } })
  const kid = await createKey(ctx, made)
  return { kid, signsFrom: count === 0 ? ctx.now : signsFrom }
}

function isOld(key: { createdAt: Date }, now: Date): boolean {
  return now.getTime() - key.createdAt.getTime() > signsForMs
}

export type MadeKey = { kid: string; publicJwk: Prisma.InputJsonObject; privateCiphertext: Uint8Array<ArrayBuffer> }

/** Before the transaction it is used in: the key that seals may be in another house. */
export async function makeKey(secretBox: SecretBox): Promise<MadeKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const { crv, kty, x } = publicKey.export({ format: 'jwk' })
  // RFC 7638: the thumbprint over the required members in canonical form.
  const kid = createHash('sha256').update(canonicalJson({ crv, kty, x })).digest('base64url')
  const publicJwk = { kty, crv, x, kid, use: 'sig', alg: 'EdDSA' } as Prisma.InputJsonObject
  const privateJwk = JSON.stringify(privateKey.export({ format: 'jwk' }))
  return { kid, publicJwk, privateCiphertext: await secretBox.seal(privateJwk, sealContexts.signingKey(kid)) }
}

async function createKey(ctx: InTx, made: MadeKey): Promise<string> {
  const { kid } = made
  await ctx.tx.signingKey.create({ data: { ...made, createdAt: ctx.now } })
  recordAudit(ctx.tx, ctx, {
    event: 'signing_key.created',
    subject: { kind: 'signing_key', id: kid, name: 'Signing key of agent tokens' },
    detail: { kid },
  })
  return kid
}
