import { randomUUID } from 'node:crypto'
import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import { storable } from '#lib/core/storable.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { type ProbeCredential, probeServer } from '../probe/probe-server.ts'
import type { RequestServerProbeInput } from '../schema/probes.ts'

/** Asks the worker to look at an address; the credential, if any, is sealed, tried once and forgotten. Needs `servers:manage`. */
export async function requestServerProbe(
  ctx: Ctx,
  { input, secretBox }: { input: RequestServerProbeInput; secretBox: SecretBox },
): Promise<{ probeId: string }> {
  authorize(ctx, 'servers:manage')
  const id = randomUUID()
  const { url, credential } = input
  // Before the transaction: the key may be kept elsewhere.
  const ciphertext = credential && (await secretBox.seal(credential.secret, sealContexts.serverProbe(id)))
  return await inTx(ctx, async (tx, ctx) => {
    await tx.serverProbe.create({
      data: {
        id,
        url,
        ...(credential && {
          credentialKind: credential.kind,
          headerName: credential.headerName ?? null,
          ciphertext: ciphertext ?? null,
        }),
        requestedById: ctx.actor.id,
        createdAt: ctx.now,
      },
    })
    await enqueue(tx, jobs.probeServer, { payload: { probeId: id } })
    recordAudit(tx, ctx, {
      event: 'server.probed',
      subject: { kind: 'server_probe', id, name: new URL(url).host },
      detail: { url, withCredential: credential !== undefined },
    })
    return { probeId: id }
  })
}

/**
 * The worker's part: looks, outside of any transaction, and keeps what it found. A probe that has ended is not repeated; after the last try the
 * credential is forgotten even if it failed. For our own processes.
 */
export async function runServerProbe(
  ctx: Ctx,
  options: { probeId: string; secretBox: SecretBox; allowLinkLocal: boolean; last?: boolean },
): Promise<void> {
  authorize(ctx, 'servers:manage')
  try {
    await tryProbe(ctx, options)
  } catch (error) {
    if (options.last) {
      await ctx.db.serverProbe.updateMany({ where: { id: options.probeId }, data: { ciphertext: null } })
    }
    throw error
  }
}

async function tryProbe(
  ctx: Ctx,
  { probeId, secretBox, allowLinkLocal }: { probeId: string; secretBox: SecretBox; allowLinkLocal: boolean },
): Promise<void> {
  const probe = await ctx.db.serverProbe.findUnique({ where: { id: probeId } })
  if (!probe) throw new DomainError('not_found', 'There is no such probe.')
  if (probe.finishedAt) return
  const secret = probe.ciphertext && (await secretBox.open(probe.ciphertext, sealContexts.serverProbe(probeId)))
  const credential = secret === null ? null : credentialOf(probe, secret)
  const report = await probeServer({ url: probe.url, credential, allowLinkLocal })
  await ctx.db.serverProbe.updateMany({
    where: { id: probeId, finishedAt: null },
    data: {
      report: withoutSecret(storable(report), secretsOf(probe, secret)),
      ciphertext: null,
      finishedAt: ctx.now,
    },
  })
}

function credentialOf(
  probe: { credentialKind: string | null; headerName: string | null },
  secret: string,
): ProbeCredential {
  if (probe.credentialKind === 'header') return { header: (probe.headerName ?? '').toLowerCase(), value: secret }
  const value =
    probe.credentialKind === 'basic' ? `Basic ${Buffer.from(secret).toString('base64')}` : `Bearer ${secret}`
  return { header: 'authorization', value }
}

/** The secret in every form in which the server gets to know it. */
function secretsOf({ credentialKind }: { credentialKind: string | null }, secret: string | null): string[] {
  if (secret === null) return []
  if (credentialKind !== 'basic') return [secret]
  return [secret, Buffer.from(secret).toString('base64'), secret.slice(secret.indexOf(':') + 1)]
}

/** A server may say back what it was sent. */
function withoutSecret(report: object, secrets: readonly string[]): object {
  const text = secrets
    .filter(({ length }) => length >= 4)
    .reduce(
      (text, secret) => text.replaceAll(JSON.stringify(secret).slice(1, -1), '[redacted]'),
      JSON.stringify(report),
    )
  return JSON.parse(text) as object
}
