import { randomUUID } from 'node:crypto'
import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { SecretBox } from '#lib/core/secret-box.ts'
import { storable } from '#lib/core/storable.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { processEnvironment } from '#lib/core/process-environment.ts'
import { credentialMaterial } from '../credential-material.ts'
import { requirePackage } from './package-of-command.ts'
import { compareTools } from './tool-comparison.ts'
import { type ClientToken, credentialOf, secretsOf, withoutSecrets } from '../probe/credential.ts'
import { probeProgram, type ProgramAccess } from '../probe/probe-program.ts'
import { probeServer } from '../probe/probe-server.ts'
import type { CredentialSettings } from '../schema/credentials.ts'
import type { ProbeReport, RequestServerProbeInput } from '../schema/probes.ts'
import { serverCommand } from '../schema/transport.ts'

/** Asks the worker to look at an address or a program; the credential, if any, is sealed, tried once and forgotten. Needs `servers:manage`; throws `invalid` for one that is none. */
export async function requestServerProbe(
  ctx: Ctx,
  { input, secretBox }: { input: RequestServerProbeInput; secretBox: SecretBox },
): Promise<{ probeId: string }> {
  authorize(ctx, 'servers:manage')
  const id = randomUUID()
  const { url = '', credential } = input
  const command = input.command && serverCommand.parse(input.command)
  if (command && credential?.kind === 'bearer' && !processEnvironment(command.env, credential.secret)) {
    const message = `Give a JSON object with the values of ${command.env.join(', ')}.`
    throw new DomainError('invalid', message, { field: 'credential.secret' })
  }
  const material = credential && credentialMaterial({ ...credential, serverId: id }, ctx.now)
  // Before the transaction: the key may be kept elsewhere.
  const ciphertext = material && (await secretBox.seal(material.secret, sealContexts.serverProbe(id)))
  return await inTx(ctx, async (tx, ctx) => {
    await requirePackage(tx, command)
    await tx.serverProbe.create({
      data: {
        id,
        url,
        ...(command && { command, folder: input.id ?? null }),
        ...(credential &&
          material && {
            credentialKind: credential.kind,
            headerName: material.headerName,
            credentialSettings: material.settings,
            ciphertext: ciphertext ?? null,
          }),
        requestedById: ctx.actor.id,
        createdAt: ctx.now,
      },
    })
    await enqueue(tx, jobs.probeServer, { payload: { probeId: id } })
    const name = command ? command.command : new URL(url).host
    recordAudit(tx, ctx, {
      event: 'server.probed',
      subject: { kind: 'server_probe', id, name },
      detail: { url, ...(command && { command }), withCredential: credential !== undefined },
    })
    return { probeId: id }
  })
}

type ProbeParts = {
  secretBox: SecretBox
  allowLinkLocal: boolean
  /** Where programs are started. */
  programs: ProgramAccess
  /** Obtains the token of an OAuth client. */
  clientToken: ClientToken
  /** Whom it names as its authorization server. */
  namedIssuer: (options: { serverUrl: string; wwwAuthenticate: string }) => Promise<string | null>
}

/**
 * The worker's part: looks, outside of any transaction, and keeps what it found. A probe that has ended is not repeated; after the last try the
 * credential is forgotten even if it failed. For our own processes.
 */
export async function runServerProbe(
  ctx: Ctx,
  options: ProbeParts & { probeId: string; last?: boolean },
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

async function tryProbe(ctx: Ctx, { probeId, ...parts }: ProbeParts & { probeId: string }): Promise<void> {
  const probe = await ctx.db.serverProbe.findUnique({ where: { id: probeId } })
  if (!probe) throw new DomainError('not_found', 'There is no such probe.')
  if (probe.finishedAt) return
  const secret = probe.ciphertext && (await parts.secretBox.open(probe.ciphertext, sealContexts.serverProbe(probeId)))
  const known = secretsOf(probe, secret)
  const report = probe.command
    ? await ofProgram(ctx, { probe, secret, programs: parts.programs })
    : await ofAddress(probe, secret, { ...parts, known })
  await ctx.db.serverProbe.updateMany({
    where: { id: probeId, finishedAt: null },
    data: {
      report: withoutSecrets(storable(report), known),
      ciphertext: null,
      finishedAt: ctx.now,
    },
  })
}

type Probe = NonNullable<Awaited<ReturnType<Ctx['db']['serverProbe']['findUnique']>>>

async function ofProgram(
  ctx: Ctx,
  { probe, secret, programs }: Pick<ProbeParts, 'programs'> & { probe: Probe; secret: string | null },
): Promise<ProbeReport> {
  const command = serverCommand.parse(probe.command)
  const environment = secret === null ? {} : (processEnvironment(command.env, secret) ?? {})
  const { report, tools } = await probeProgram({ probeId: probe.id, command, environment, access: programs })
  if (probe.folder === null || !tools) return report
  const isWhole = !report.findings.some(({ kind }) => kind === 'tools_not_looked_at')
  const comparison = await compareTools(ctx, { serverId: probe.folder, tools, isWhole })
  return comparison ? { ...report, comparison } : report
}

async function ofAddress(
  probe: Probe,
  secret: string | null,
  { allowLinkLocal, clientToken, namedIssuer, known }: ProbeParts & { known: string[] },
): Promise<ProbeReport> {
  const { url, headerName, credentialKind } = probe
  const settings = probe.credentialSettings as CredentialSettings
  const credential =
    secret === null || credentialKind === null
      ? null
      : credentialOf({ url, kind: credentialKind, headerName, settings, secret, clientToken, known })
  const report = await probeServer({ url, credential, allowLinkLocal })
  const { challenge } = report
  const named = challenge === null ? null : await namedIssuer({ serverUrl: url, wwwAuthenticate: challenge })
  return named === null ? report : { ...report, authorizationServer: named }
}
