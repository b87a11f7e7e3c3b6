import type { Anthropic } from '@anthropic-ai/sdk'
import type { Db } from '#lib/db/client.ts'
import { notFound } from '../http/errors.ts'
import { patchMetadata } from '../http/metadata.ts'
import { newId } from '../ids.ts'
import { fromJson } from '../json.ts'
import { type PageArgs, pageFilter, toPage } from '../paging.ts'
import type { CreateVaultBody, UpdateVaultBody } from './schema.ts'

type Vault = Anthropic.Beta.BetaManagedAgentsVault
type Row = {
  id: string
  displayName: string
  metadata: unknown
  createdAt: Date
  updatedAt: Date
  archivedAt: Date | null
}

export async function createVault(db: Db, body: CreateVaultBody, now: Date): Promise<Vault> {
  const data = {
    id: newId('vault', now),
    displayName: body.display_name,
    metadata: body.metadata,
    createdAt: now,
    updatedAt: now,
  }
  return toVault(await db.embVault.create({ data }))
}

export async function readVault(db: Db, id: string): Promise<Vault> {
  const row = await db.embVault.findUnique({ where: { id } })
  if (!row) throw notFound('vault', id)
  return toVault(row)
}

export async function updateVault(db: Db, id: string, body: UpdateVaultBody, now: Date): Promise<Vault> {
  const current = await readVault(db, id)
  const data = {
    ...(body.display_name ? { displayName: body.display_name } : {}),
    metadata: patchMetadata(current.metadata, body.metadata),
    updatedAt: now,
  }
  return toVault(await db.embVault.update({ where: { id }, data }))
}

/** The credentials' secrets are gone from then on. */
export async function archiveVault(db: Db, id: string, now: Date): Promise<Vault> {
  await readVault(db, id)
  await db.$transaction([
    db.embVault.updateMany({ where: { id, archivedAt: null }, data: { archivedAt: now, updatedAt: now } }),
    db.embCredential.updateMany({
      where: { vaultId: id, archivedAt: null },
      data: { archivedAt: now, updatedAt: now, secret: new Uint8Array() },
    }),
  ])
  return await readVault(db, id)
}

export async function deleteVault(db: Db, id: string): Promise<Anthropic.Beta.BetaManagedAgentsDeletedVault> {
  const { count } = await db.embVault.deleteMany({ where: { id } })
  if (count === 0) throw notFound('vault', id)
  return { id, type: 'vault_deleted' }
}

export async function listVaults(db: Db, filter: PageArgs & { includeArchived: boolean }) {
  const { where, ...page } = pageFilter(filter)
  const rows = await db.embVault.findMany({
    where: { AND: [where, filter.includeArchived ? {} : { archivedAt: null }] },
    ...page,
  })
  return toPage(rows, filter, toVault)
}

function toVault(row: Row): Vault {
  return {
    id: row.id,
    type: 'vault',
    display_name: row.displayName,
    metadata: fromJson<Record<string, string>>(row.metadata),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    archived_at: row.archivedAt?.toISOString() ?? null,
  }
}
