import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { findingsToAcknowledge, isRefusedAddress } from '../rules/server-address.ts'
import { commandFindingsToAcknowledge } from '../rules/server-command.ts'
import { type ProbeFindingKind, probeFindingKinds, type ProbeReport } from '../schema/probes.ts'
import type { ServerCommand } from '../schema/transport.ts'

type Where = { id: string; url?: string | undefined; command?: ServerCommand | undefined }
type Accepted = { finding: ProbeFindingKind; byId: string; byName: string; at: string }

/**
 * What a person accepts of an address or a program, with who and when; our own processes register what they started themselves. Which program
 * a command starts is decided by the folder of the server's `id`: a probe counts for that one alone. Throws `invalid` for an address that is
 * never called, or when something that guards it less is not accepted by name.
 */
export async function acceptedFindings(
  tx: Tx,
  ctx: Ctx,
  { id, url, command, acknowledged }: Where & { acknowledged: readonly string[] },
): Promise<Accepted[]> {
  if (ctx.actor.kind !== 'person' || (url === undefined && command === undefined)) return []
  const found = command
    ? commandFindingsToAcknowledge(command, await reportOf(tx, { url: '', command: { equals: command }, folder: id }))
    : await findingsOfAddress(tx, url!)
  const open = found.filter(({ kind }) => !acknowledged.includes(kind))
  if (open.length > 0) {
    const names = open.map(({ kind }) => kind)
    const titles = names.map((name) => `${probeFindingKinds[name].title} (${name})`)
    const message = `Accept by name what guards this server less: ${titles.join(', ')}.`
    throw new DomainError('invalid', message, { field: 'acknowledged', rule: 'registry:finding_open', findings: names })
  }
  const { id: byId, name: byName } = ctx.actor
  return found.map(({ kind }) => ({ finding: kind, byId, byName, at: ctx.now.toISOString() }))
}

async function findingsOfAddress(tx: Tx, url: string) {
  const report = await reportOf(tx, { url })
  if (isRefusedAddress(url, report)) {
    const message = 'This is a link-local or metadata address: the broker never calls one.'
    throw new DomainError('invalid', message, { field: 'url', rule: 'registry:address_refused' })
  }
  return findingsToAcknowledge(url, report)
}

/** Of the last probe that has ended. */
async function reportOf(
  tx: Tx,
  where: { url: string; command?: { equals: ServerCommand }; folder?: string },
): Promise<ProbeReport | null> {
  const probe = await tx.serverProbe.findFirst({
    where: { ...where, finishedAt: { not: null } },
    orderBy: { createdAt: 'desc' },
    select: { report: true },
  })
  return (probe?.report ?? null) as ProbeReport | null
}
