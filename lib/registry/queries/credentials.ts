import type { Prisma } from '#lib/db/generated/client.ts'
import type { CredentialSettings, CredentialView } from '../schema/credentials.ts'

/** Every field of a credential that may be seen: never the sealed ones. */
export const credentialSelect = {
  kind: true,
  headerName: true,
  settings: true,
  setByName: true,
  reason: true,
  updatedAt: true,
  lastUsedAt: true,
  expiresAt: true,
  tokensExpireAt: true,
  wantedScope: true,
  lastError: true,
  lastErrorAt: true,
  team: { select: { id: true, name: true } },
} satisfies Prisma.UpstreamCredentialSelect

export type CredentialFields = Prisma.UpstreamCredentialGetPayload<{ select: typeof credentialSelect }>

export function credentialView(row: CredentialFields): CredentialView {
  return {
    kind: row.kind,
    headerName: row.headerName,
    team: row.team,
    settings: row.settings as CredentialSettings,
    setBy: row.setByName,
    reason: row.reason,
    updatedAt: row.updatedAt.toISOString(),
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    tokensExpireAt: row.tokensExpireAt?.toISOString() ?? null,
    wantedScope: row.wantedScope,
    lastError: row.lastError && row.lastErrorAt ? { message: row.lastError, at: row.lastErrorAt.toISOString() } : null,
  }
}
