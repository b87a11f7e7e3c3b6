import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError, invariant } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { KeyUnavailable } from '#lib/core/key-wrapper.ts'
import { keyIdOf } from '#lib/core/secret-box.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { currentKeyId, type Keyring, proveKeyring } from './keyring.ts'
import type { KeyRotationRefusal, RotateKeysInput } from './schema.ts'
import { nextRowsSql, replaceSql, type SealedRow, sealedPlaces } from './sealed-places.ts'

export { createKeyring, type Keyring, proveKeyring } from './keyring.ts'

const batchSize = 100
/** A process that read the old key as current just before may still write under it: a pass after this time finds that. */
const settleMs = 30_000

/**
 * Makes the newest configured key-encryption key the current one and lets a job wrap every sealed thing anew; both keys open until then.
 * Needs `keys:rotate`; refused when the newest configured key is current already, `unavailable` when it cannot be used.
 */
export async function rotateKeys(
  ctx: Ctx,
  { input, keyring }: { input: RotateKeysInput; keyring: Keyring },
): Promise<Result<{ keyId: string }, KeyRotationRefusal>> {
  authorize(ctx, 'keys:rotate')
  const keyId = keyring.keyIds[0]
  invariant(keyId !== undefined, 'a keyring has a key')
  await proven(keyring.only(keyId))
  return inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select 1 from pg_advisory_xact_lock(hashtext('key_rotation'))`
    const newest = await tx.keyEncryptionKey.findFirst({ orderBy: { generation: 'desc' } })
    const before = newest?.id ?? keyring.keyIds.at(-1)!
    if (before === keyId) {
      return err({
        reason: 'nothing_newer' as const,
        rule: 'keys:nothing_newer',
        message: `${keyId} is current already. Put a newer key in front of WHEELHOUSE_KEYS (or of WHEELHOUSE_ENCRYPTION_KEY) of every process first.`,
      })
    }
    await tx.keyEncryptionKey.create({
      data: {
        generation: (newest?.generation ?? 0) + 1,
        id: keyId,
        madeCurrentAt: ctx.now,
        madeCurrentBy: ctx.actor.name,
      },
    })
    recordAudit(tx, ctx, {
      event: 'keys.rotated',
      subject: { kind: 'key', id: keyId, name: keyId },
      detail: { from: before, to: keyId, reason: input.reason },
    })
    await enqueue(tx, jobs.rewrapKeys, { payload: {}, key: 'rewrap_keys' })
    return ok({ keyId })
  })
}

/**
 * Wraps every sealed thing under the current key that is not yet; what it did before is left alone, so it may stop and run again at any
 * time. Only for our own processes. It is done when a pass finds nothing; until then it asks for another one. What does not open is named and left; all else goes on.
 */
export async function rewrapSealed(ctx: Ctx, { keyring }: { keyring: Keyring }): Promise<{ rewrapped: number }> {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Keys are wrapped anew by the platform only.')
  const keyId = await currentKeyId(ctx.db)
  if (keyId === null) return { rewrapped: 0 }
  let found = 0
  let rewrapped = 0
  const closed: string[] = []
  try {
    for (const place of sealedPlaces) {
      for (let after = ''; ;) {
        const rows = await ctx.db.$queryRaw<SealedRow[]>(nextRowsSql(place, after, batchSize))
        for (const row of rows) {
          if (keyIdOf(row.sealed) === keyId) continue
          found += 1
          const sealed = await keyring.rewrap(row.sealed, place.contextOf(row)).catch((error: unknown) => {
            // Without the service nothing goes on; a thing that does not open keeps no other from the new key.
            if (error instanceof KeyUnavailable) throw error
            closed.push(`${place.table}.${place.column} of ${row.id} does not open${because(error)}`)
            return null
          })
          if (!sealed) continue
          const change = { id: row.id, before: row.sealed, after: sealed, keyId: keyIdOf(sealed) }
          rewrapped += await ctx.db.$executeRaw(replaceSql(place, change))
        }
        const last = rows.at(-1)
        if (!last || rows.length < batchSize) break
        after = last.id
      }
    }
    if (closed.length > 0) {
      const more = closed.length > 1 ? ` And ${closed.length - 1} more.` : ''
      throw new DomainError('unavailable', `${closed[0]}${more}`)
    }
  } catch (error) {
    await note(ctx, { rewrapped, lastError: error instanceof DomainError ? error.message : 'it stopped unforeseen' })
    throw error
  }
  await finish(ctx, { keyId, rewrapped, done: found === 0 })
  return { rewrapped }
}

function because(error: unknown): string {
  return error instanceof DomainError ? `: ${error.message}` : ': it is not what was sealed there.'
}

async function note(ctx: Ctx, { rewrapped, lastError }: { rewrapped: number; lastError: string | null }) {
  const newest = await ctx.db.keyEncryptionKey.findFirstOrThrow({ orderBy: { generation: 'desc' } })
  await ctx.db.keyEncryptionKey.update({
    where: { generation: newest.generation },
    data: { rewrapped: { increment: rewrapped }, lastError },
  })
}

async function finish(
  ctx: Ctx,
  { keyId, rewrapped, done }: { keyId: string; rewrapped: number; done: boolean },
): Promise<void> {
  await inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select 1 from pg_advisory_xact_lock(hashtext('key_rotation'))`
    const newest = await tx.keyEncryptionKey.findFirstOrThrow({ orderBy: { generation: 'desc' } })
    if (newest.id !== keyId) return
    const sum = newest.rewrapped + rewrapped
    await tx.keyEncryptionKey.update({
      where: { generation: newest.generation },
      data: { rewrapped: sum, lastError: null, ...(done ? { rewrappedAt: newest.rewrappedAt ?? ctx.now } : {}) },
    })
    if (!done) {
      const runAt = new Date(ctx.now.getTime() + settleMs)
      return enqueue(tx, jobs.rewrapKeys, { payload: {}, key: 'rewrap_keys', runAt })
    }
    if (newest.rewrappedAt) return
    recordAudit(tx, ctx, {
      event: 'keys.rewrapped',
      subject: { kind: 'key', id: keyId, name: keyId },
      detail: { keyId, rewrapped: sum },
    })
  })
}

async function proven(keyring: Keyring): Promise<void> {
  try {
    await proveKeyring(keyring)
  } catch (error) {
    throw new DomainError('unavailable', error instanceof Error ? error.message : 'The key cannot be used.', {
      rule: 'keys:unavailable',
    })
  }
}
