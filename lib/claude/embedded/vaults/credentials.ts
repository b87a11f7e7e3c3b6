import type { Anthropic } from '@anthropic-ai/sdk'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { conflict, invalid, notFound } from '../http/errors.ts'
import { patchMetadata } from '../http/metadata.ts'
import { newId } from '../ids.ts'
import { fromJson, toJson } from '../json.ts'
import { type PageArgs, pageFilter, toPage } from '../paging.ts'
import type { CreateCredentialBody, UpdateCredentialBody } from './schema.ts'

type Credential = Anthropic.Beta.Vaults.BetaManagedAgentsCredential
export type Vaults = { db: Db; box: SecretBox }

/** Everything but the secret: it leaves the database only through `bearerFor`. */
const shown = {
  id: true,
  vaultId: true,
  displayName: true,
  metadata: true,
  auth: true,
  createdAt: true,
  updatedAt: true,
  archivedAt: true,
} as const

type Row = {
  id: string
  vaultId: string
  displayName: string | null
  metadata: unknown
  auth: unknown
  createdAt: Date
  updatedAt: Date
  archivedAt: Date | null
}

/** One live credential per server address in a vault. */
export async function createCredential(
  { db, box }: Vaults,
  vaultId: string,
  input: { body: CreateCredentialBody; now: Date },
): Promise<Credential> {
  const { body, now } = input
  const mcpServerUrl = normalizeUrl(body.auth.mcp_server_url)
  const id = newId('credential', now)
  const secret = await box.seal(body.auth.token, sealContexts.embeddedCredential(id))
  return await db.$transaction(async (tx) => {
    await tx.$queryRaw`select "id" from "EmbVault" where "id" = ${vaultId} for update`
    const vault = await tx.embVault.findUnique({ where: { id: vaultId }, select: { archivedAt: true } })
    if (!vault) throw notFound('vault', vaultId)
    if (vault.archivedAt) throw invalid(`The vault ${vaultId} is archived.`)
    const taken = await tx.embCredential.count({ where: { vaultId, mcpServerUrl, archivedAt: null } })
    if (taken > 0) throw conflict(`The vault ${vaultId} already has a credential for ${mcpServerUrl}.`)
    const row = await tx.embCredential.create({
      data: {
        id,
        vaultId,
        mcpServerUrl,
        displayName: body.display_name ?? null,
        metadata: body.metadata,
        auth: toJson({ type: body.auth.type, mcp_server_url: body.auth.mcp_server_url }),
        secret,
        createdAt: now,
        updatedAt: now,
      },
      select: shown,
    })
    return toCredential(row)
  })
}

export async function readCredential({ db }: Vaults, vaultId: string, id: string): Promise<Credential> {
  const row = await db.embCredential.findFirst({ where: { id, vaultId }, select: shown })
  if (!row) throw notFound('credential', id)
  return toCredential(row)
}

export async function updateCredential(
  { db, box }: Vaults,
  where: { vaultId: string; id: string },
  input: { body: UpdateCredentialBody; now: Date },
): Promise<Credential> {
  const { body, now } = input
  const current = await readCredential({ db, box }, where.vaultId, where.id)
  if (current.archived_at) throw invalid(`The credential ${where.id} is archived.`)
  const secret = body.auth?.token && (await box.seal(body.auth.token, sealContexts.embeddedCredential(where.id)))
  const row = await db.embCredential.update({
    where: { id: where.id },
    data: {
      ...(body.display_name ? { displayName: body.display_name } : {}),
      ...(secret ? { secret } : {}),
      metadata: patchMetadata(current.metadata, body.metadata),
      updatedAt: now,
    },
    select: shown,
  })
  return toCredential(row)
}

export async function archiveCredential(
  vaults: Vaults,
  where: { vaultId: string; id: string },
  now: Date,
): Promise<Credential> {
  await vaults.db.embCredential.updateMany({
    where: { ...where, archivedAt: null },
    data: { archivedAt: now, updatedAt: now, secret: new Uint8Array() },
  })
  return await readCredential(vaults, where.vaultId, where.id)
}

export async function deleteCredential({ db }: Vaults, where: { vaultId: string; id: string }) {
  const { count } = await db.embCredential.deleteMany({ where })
  if (count === 0) throw notFound('credential', where.id)
  return {
    id: where.id,
    type: 'vault_credential_deleted',
  } satisfies Anthropic.Beta.Vaults.BetaManagedAgentsDeletedCredential
}

export async function listCredentials(
  { db }: Vaults,
  vaultId: string,
  filter: PageArgs & { includeArchived: boolean },
) {
  const { where, ...page } = pageFilter(filter)
  const rows = await db.embCredential.findMany({
    where: { AND: [where, { vaultId }, filter.includeArchived ? {} : { archivedAt: null }] },
    select: shown,
    ...page,
  })
  return toPage(rows, filter, toCredential)
}

/** The bearer token for an MCP server from a session's vaults, read anew for every request so that a rotation counts at once. */
export async function bearerFor({ db, box }: Vaults, vaultIds: readonly string[], url: string): Promise<string | null> {
  const rows = await db.embCredential.findMany({
    where: { vaultId: { in: [...vaultIds] }, mcpServerUrl: normalizeUrl(url), archivedAt: null },
    select: { id: true, vaultId: true, secret: true },
  })
  // The order of the session's vaults is the order of precedence.
  const first = vaultIds.flatMap((vaultId) => rows.filter((row) => row.vaultId === vaultId))[0]
  return first ? box.open(first.secret, sealContexts.embeddedCredential(first.id)) : null
}

/** Scheme, host in lower case, port, path without a trailing slash, query: nothing less may match, or a token goes to the wrong server. */
export function normalizeUrl(url: string): string {
  const { origin, pathname, search } = new URL(url)
  return `${origin}${pathname.replace(/\/+$/, '')}${search}`
}

function toCredential(row: Row): Credential {
  return {
    id: row.id,
    type: 'vault_credential',
    vault_id: row.vaultId,
    display_name: row.displayName,
    metadata: fromJson<Record<string, string>>(row.metadata),
    auth: fromJson<Credential['auth']>(row.auth),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    archived_at: row.archivedAt?.toISOString() ?? null,
  }
}
