import { err, ok, type Result } from '#lib/core/result.ts'
import type { ClientDocuments } from './client-documents.ts'
import { type Ctx, reader } from './ctx.ts'
import { type AppRefusal, type ClientMetadata, isClientDocumentAddress } from './rules/app-client.ts'

/** The portal as the authorization server of people's apps. */
export type AppServer = {
  issuer: string
  /** The only resource that apps get tokens for: the registry at the broker. */
  resource: string
  documents: ClientDocuments
}

export type AppClient = ClientMetadata & { id: string; kind: 'document' | 'registered' }

/** A document that was read so recently is not read again, so that a page and its button see the same. */
const freshMs = 10 * 60_000

/** The app of a client_id: what its document says now, or what it registered. Callers authorize. */
export async function findAppClient(
  ctx: Ctx,
  { clientId, documents }: { clientId: string; documents: ClientDocuments },
): Promise<Result<AppClient, AppRefusal>> {
  const known = await reader(ctx).appClient.findUnique({
    where: { id: clientId },
    select: { kind: true, name: true, redirectUris: true, readAt: true },
  })
  if (!isClientDocumentAddress(clientId)) {
    if (known?.kind === 'registered') return ok({ id: clientId, kind: 'registered', ...metadataOf(known) })
    const message = 'No app of this client_id is registered, and it is not the https address of a document.'
    return err({ rule: 'app:client_unknown', message })
  }
  const isFresh = known?.readAt && ctx.now.getTime() - known.readAt.getTime() < freshMs
  if (isFresh) return ok({ id: clientId, kind: 'document', ...metadataOf(known) })
  const read = await documents.read(clientId)
  if (!read.ok) return read
  const data = { kind: 'document', ...read.value, readAt: ctx.now }
  await reader(ctx).appClient.upsert({
    where: { id: clientId },
    create: { id: clientId, createdAt: ctx.now, ...data },
    update: data,
  })
  return ok({ id: clientId, kind: 'document', ...read.value })
}

function metadataOf({ name, redirectUris }: ClientMetadata): ClientMetadata {
  return { name, redirectUris }
}
