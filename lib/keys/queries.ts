import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { keyIdOf } from '#lib/core/secret-box.ts'
import type { Keyring } from './keyring.ts'
import type { KeysView } from './schema.ts'
import { nextRowsSql, type SealedRow, sealedPlaces } from './sealed-places.ts'

const batchSize = 1000

/** Which key-encryption keys are in use and what is under which. Needs `keys:rotate`. */
export async function getKeys(ctx: Ctx, { keyring }: { keyring: Keyring }): Promise<KeysView> {
  authorize(ctx, 'keys:rotate')
  const newest = await reader(ctx).keyEncryptionKey.findFirst({ orderBy: { generation: 'desc' } })
  const sealed = new Map<string, number>()
  for (const place of sealedPlaces) {
    for (let after = ''; ;) {
      const rows = await reader(ctx).$queryRaw<SealedRow[]>(nextRowsSql(place, after, batchSize))
      for (const row of rows) sealed.set(keyIdOf(row.sealed), (sealed.get(keyIdOf(row.sealed)) ?? 0) + 1)
      const last = rows.at(-1)
      if (!last || rows.length < batchSize) break
      after = last.id
    }
  }
  return {
    current: {
      id: newest?.id ?? keyring.keyIds.at(-1) ?? 'none',
      since: newest?.madeCurrentAt.toISOString() ?? null,
      madeCurrentBy: newest?.madeCurrentBy ?? null,
    },
    configured: [...keyring.keyIds],
    sealed: [...sealed].map(([keyId, count]) => ({ keyId, count })).toSorted((a, b) => a.keyId.localeCompare(b.keyId)),
    rewrap: newest && {
      rewrapped: newest.rewrapped,
      finishedAt: newest.rewrappedAt?.toISOString() ?? null,
      lastError: newest.lastError,
    },
  }
}
