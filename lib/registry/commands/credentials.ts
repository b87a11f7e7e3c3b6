import { randomUUID } from 'node:crypto'
import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { processEnvironment } from '#lib/core/process-environment.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { keyIdOf, type SecretBox } from '#lib/core/secret-box.ts'
import type { Tx } from '#lib/db/client.ts'
import { credentialMaterial } from '../credential-material.ts'
import type {
  CredentialSettings,
  RemoveServerCredentialInput,
  SetServerCredentialInput,
} from '../schema/credentials.ts'
import type { ServerCommand } from '../schema/transport.ts'
import { type LockedServer, lockServer, subjectOf } from './server-lock.ts'

/** Whose credential at which server. */
type CredentialPlace = { serverId: string; teamId: string | null }

/** What is written of a credential whose secret is sealed already. */
type SealedCredential = {
  kind: string
  headerName: string | null
  ciphertext: Uint8Array<ArrayBuffer>
  settings: CredentialSettings
  expiresAt: Date | null
  reason: string | null
  /** OAuth: its first tokens, sealed for the credential of this id. */
  tokensFor?: (credentialId: string) => Uint8Array<ArrayBuffer>
  tokensExpireAt?: Date | null
}

/**
 * Seals what the broker shows this server, for all or for one team, replacing what was there; nobody can read it back. Needs
 * `servers:manage`; throws `not_found` and `invalid`, also for what a program cannot be given. The audit log keeps that it was set, never what.
 */
export async function setServerCredential(
  ctx: Ctx,
  { input, secretBox }: { input: SetServerCredentialInput; secretBox: SecretBox },
): Promise<void> {
  authorize(ctx, 'servers:manage')
  const { secret, ...material } = credentialMaterial(input, ctx.now)
  const { serverId, teamId = null } = input
  // Sealed before the transaction: the key may be in another house.
  const ciphertext = await secretBox.seal(secret, sealContexts.upstreamCredential(serverId, teamId))
  const sealed = { ...material, kind: input.kind, ciphertext, reason: input.reason || null }
  await inTx(ctx, async (tx, ctx) => {
    requireFit(await lockServer(tx, serverId), input)
    await putCredential({ ...ctx, tx }, { place: { serverId, teamId }, sealed })
  })
}

/** A program is shown nothing but the values of its variables. */
function requireFit({ name, transport, command }: LockedServer, input: SetServerCredentialInput): void {
  if (transport !== 'stdio') return
  const refuse = (field: string, message: string) =>
    new DomainError('invalid', message, { field, rule: 'registry:credential_of_program' })
  const { env } = command as ServerCommand
  if (input.kind !== 'bearer')
    throw refuse(
      'kind',
      `${name} is a server over stdio: its credential is the values of its variables, of the kind bearer.`,
    )
  if (env.length === 0) throw refuse('secret', `The program of ${name} takes no variables: there is nothing to set.`)
  if (!processEnvironment(env, input.secret))
    throw refuse('secret', `Give a JSON object of texts with the values of ${env.join(', ')}.`)
}

/** Writes a sealed credential in the open transaction. Its id stays, what is known of its use does not. */
export async function putCredential(
  ctx: Ctx & { tx: Tx },
  { place, sealed }: { place: CredentialPlace; sealed: SealedCredential },
): Promise<void> {
  const { tx } = ctx
  const server = await lockServer(tx, place.serverId)
  const team = await teamOf(tx, place.teamId)
  const { tokensFor, ...fields } = sealed
  const known = await tx.upstreamCredential.findFirst({ where: place, select: { id: true } })
  const id = known?.id ?? randomUUID()
  const data = {
    ...fields,
    keyId: keyIdOf(sealed.ciphertext),
    tokens: tokensFor?.(id) ?? null,
    tokensExpireAt: sealed.tokensExpireAt ?? null,
    setById: ctx.actor.kind === 'person' ? ctx.actor.id : null,
    setByName: ctx.actor.name,
    updatedAt: ctx.now,
    expiryWarnedAt: null,
    wantedScope: null,
    lastUsedAt: null,
    lastError: null,
    lastErrorAt: null,
  }
  if (known) await tx.upstreamCredential.update({ where: { id }, data })
  else await tx.upstreamCredential.create({ data: { id, ...place, ...data } })
  recordAudit(tx, ctx, {
    event: 'server.credential_set',
    ...subjectOf(server),
    ...(team ? { teamId: team.id } : {}),
    detail: { kind: sealed.kind, replaced: known !== null, reason: sealed.reason },
  })
}

/** Takes a credential away; calls that would need it are refused from then on. Needs `servers:manage`; throws `not_found`. */
export async function removeServerCredential(ctx: Ctx, input: RemoveServerCredentialInput): Promise<void> {
  authorize(ctx, 'servers:manage')
  const { teamId = null } = input
  await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.serverId)
    const { count } = await tx.upstreamCredential.deleteMany({
      where: { serverId: input.serverId, teamId },
    })
    if (count === 0) throw new DomainError('not_found', `There is no such credential for ${server.id}.`)
    recordAudit(tx, ctx, {
      event: 'server.credential_removed',
      ...subjectOf(server),
      ...(teamId === null ? {} : { teamId }),
      detail: { reason: input.reason },
    })
  })
}

async function teamOf(tx: Tx, id: string | null): Promise<{ id: string } | null> {
  if (id === null) return null
  const team = await tx.team.findUnique({ where: { id }, select: { id: true } })
  if (!team) throw new DomainError('not_found', `There is no team ${JSON.stringify(id)}.`, { field: 'teamId' })
  return team
}
