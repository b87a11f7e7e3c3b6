import { sealContexts } from '#lib/core/seal-contexts.ts'
import { Prisma } from '#lib/db/generated/client.ts'

/** One column that holds sealed bytes. Every such column of the schema is here: a rotation has to find all of them. */
export type SealedPlace = {
  table: string
  column: string
  /** The primary key, and further columns that the context is made of. */
  idColumn: string
  alsoSelect?: readonly string[]
  /** A column beside it that names the key. */
  keyIdColumn?: string
  contextOf(row: SealedRow): string
}
export type SealedRow = { id: string; sealed: Uint8Array; serverId?: string; teamId?: string | null }

export const sealedPlaces: readonly SealedPlace[] = [
  {
    table: 'UpstreamCredential',
    column: 'ciphertext',
    idColumn: 'id',
    alsoSelect: ['serverId', 'teamId'],
    keyIdColumn: 'keyId',
    contextOf: ({ serverId, teamId }) => sealContexts.upstreamCredential(serverId!, teamId),
  },
  {
    table: 'UpstreamCredential',
    column: 'tokens',
    idColumn: 'id',
    contextOf: ({ id }) => sealContexts.upstreamTokens(id),
  },
  {
    table: 'UpstreamAuthorization',
    column: 'ciphertext',
    idColumn: 'id',
    contextOf: ({ id }) => sealContexts.upstreamAuthorization(id),
  },
  {
    table: 'ServerProbe',
    column: 'ciphertext',
    idColumn: 'id',
    contextOf: ({ id }) => sealContexts.serverProbe(id),
  },
  {
    table: 'SigningKey',
    column: 'privateCiphertext',
    idColumn: 'kid',
    contextOf: ({ id }) => sealContexts.signingKey(id),
  },
  ...['secret', 'previousSecret'].map((column) => ({
    table: 'WebhookEndpoint',
    column,
    idColumn: 'id',
    contextOf: ({ id }: SealedRow) => sealContexts.webhook(id),
  })),
  {
    table: 'NotificationChannel',
    column: 'url',
    idColumn: 'id',
    contextOf: ({ id }) => sealContexts.notificationChannel(id),
  },
  {
    table: 'EmbCredential',
    column: 'secret',
    idColumn: 'id',
    contextOf: ({ id }) => sealContexts.embeddedCredential(id),
  },
  {
    table: 'McpQuestion',
    column: 'answer',
    idColumn: 'id',
    contextOf: ({ id }) => sealContexts.mcpAnswer(id),
  },
  {
    table: 'BrokeredTask',
    column: 'session',
    idColumn: 'key',
    contextOf: ({ id }) => sealContexts.mcpTaskSession(id),
  },
  {
    table: 'McpTaskAsk',
    column: 'ask',
    idColumn: 'id',
    contextOf: ({ id }) => sealContexts.mcpTaskAsk(id),
  },
  ...['answers', 'outcome'].map((column) => ({
    table: 'McpHandover',
    column,
    idColumn: 'id',
    contextOf: ({ id }: SealedRow) => sealContexts.mcpHandover(id),
  })),
]

/** The next rows of a place after an id, in the order of their ids. Archived ones, which hold nothing, are left out. */
export function nextRowsSql(place: SealedPlace, after: string, limit: number): Prisma.Sql {
  const column = (name: string) => Prisma.raw(`"${name}"`)
  const more = (place.alsoSelect ?? []).map((name) => Prisma.sql`, ${column(name)}`)
  return Prisma.sql`select ${column(place.idColumn)}::text as "id", ${column(place.column)} as "sealed"
      ${more.length > 0 ? Prisma.join(more, '') : Prisma.empty}
    from ${column(place.table)}
    where octet_length(${column(place.column)}) > 0 and ${column(place.idColumn)}::text > ${after}
    order by ${column(place.idColumn)}::text limit ${limit}`
}

/** Puts the same thing under another key, unless it was replaced meanwhile. */
export function replaceSql(
  place: SealedPlace,
  { id, before, after, keyId }: { id: string; before: Uint8Array; after: Uint8Array; keyId: string },
): Prisma.Sql {
  const column = (name: string) => Prisma.raw(`"${name}"`)
  const alsoKey = place.keyIdColumn ? Prisma.sql`, ${column(place.keyIdColumn)} = ${keyId}` : Prisma.empty
  return Prisma.sql`update ${column(place.table)} set ${column(place.column)} = ${after}${alsoKey}
    where ${column(place.idColumn)}::text = ${id} and ${column(place.column)} = ${before}`
}
