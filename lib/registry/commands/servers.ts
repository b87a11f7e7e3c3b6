import { isDeepStrictEqual } from 'node:util'
import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import type { DataClass, RegisterServerInput, UpdateServerInput } from '../schema.ts'
import { loosenedBy } from '../rules/loosenings.ts'
import { isSameOrigin } from '../rules/server-change.ts'
import { proposeLoosening, replaceLoosenings } from './loosenings.ts'
import { acceptedFindings } from './accepted-findings.ts'
import { requirePackage } from './package-of-command.ts'
import { type LockedServer, lockServer, subjectOf } from './server-lock.ts'

/**
 * Registers an MCP server; it has no tools until they are discovered and approved. Needs `servers:manage`; throws `conflict` when the id is
 * taken, and `invalid` for an address that is never called, or when something that guards it less was not accepted by name.
 */
export async function registerServer(ctx: Ctx, input: RegisterServerInput, via = 'registered'): Promise<void> {
  authorize(ctx, 'servers:manage')
  await inTx(ctx, async (tx, ctx) => {
    const where = input.transport === 'http' ? { url: input.url! } : { url: '', command: input.command! }
    await requirePackage(tx, input.command)
    const accepted = await acceptedFindings(tx, ctx, input)
    const approverId = ctx.actor.kind === 'person' ? ctx.actor.id : null
    const { acknowledged, ...fields } = input
    const data = { ...fields, ...where, acknowledged: accepted, approverId, createdAt: ctx.now, updatedAt: ctx.now }
    const { count } = await tx.mcpServer.createMany({ data: [data], skipDuplicates: true })
    if (count === 0) {
      throw new DomainError('conflict', `There is a server ${input.id} already.`, {
        field: 'id',
        rule: 'registry:id_taken',
      })
    }
    recordAudit(tx, ctx, {
      event: 'server.created',
      ...subjectOf(input),
      detail: {
        ...where,
        environment: input.environment,
        sensitivity: input.sensitivity,
        dataClasses: input.dataClasses,
        acknowledged,
        via,
      },
    })
  })
}

/**
 * Changes the fields given; nothing is written when none differs. Needs `servers:manage`; throws `not_found`, and `invalid` for an approver who may not approve. A server that a person
 * moves to another origin or program loses its credential, so that the secret is never shown to another, and is no demo server any more. A lower environment or sensitivity, or a kind
 * of data less, is what controls are chosen by: it is proposed only, and counts from when somebody else has confirmed it (`waits`). Disabling it takes a reason, which refused calls tell.
 */
export async function updateServer(ctx: Ctx, input: UpdateServerInput): Promise<{ waits: boolean }> {
  authorize(ctx, 'servers:manage')
  return await inTx(ctx, async (tx, ctx) => {
    const server = await lockServer(tx, input.id)
    const { id, acknowledged, reason, ...wanted } = input
    const { fields, waits } = await holdBack(tx, ctx, server, wanted)
    const wrong = server.transport === 'http' ? ('command' as const) : ('url' as const)
    if (fields[wrong] !== undefined) {
      const message = `${server.name} is a server over ${server.transport}: it has no ${wrong === 'url' ? 'address' : 'program'}.`
      throw new DomainError('invalid', message, { field: wrong, rule: 'registry:transport_fixed' })
    }
    if (fields.approverId) await requireApprover(tx, fields.approverId)
    const changed = Object.entries(fields).filter(
      ([key, value]) => value !== undefined && !isDeepStrictEqual(value, server[key as keyof typeof fields]),
    )
    requireReason(fields.status, { before: server.status, reason })
    if (changed.length === 0) return { waits }
    const after = Object.fromEntries(changed)
    const before = Object.fromEntries(changed.map(([key]) => [key, server[key as keyof typeof fields]]))
    const isElsewhere = 'url' in after || 'command' in after
    const { url, command } = fields
    await requirePackage(tx, command)
    const accepted = isElsewhere
      ? await acceptedFindings(tx, ctx, { id, url, command, acknowledged: acknowledged ?? [] })
      : null
    const movedByUrl = fields.url !== undefined && !isSameOrigin(fields.url, server.url)
    const moved = ctx.actor.kind !== 'system' && (movedByUrl || 'command' in after)
    await tx.mcpServer.update({
      where: { id },
      data: {
        ...after,
        ...('status' in after ? { statusReason: reason ?? null } : {}),
        ...(accepted ? { acknowledged: accepted } : {}),
        ...(moved ? { demo: false } : {}),
        updatedAt: ctx.now,
      },
    })
    const why = 'status' in after && reason !== undefined ? { reason } : {}
    recordAudit(tx, ctx, { event: 'server.updated', ...subjectOf(server), detail: { before, after, ...why } })
    if (!moved) return { waits }
    const { count } = await tx.upstreamCredential.deleteMany({ where: { serverId: id } })
    if (count > 0) {
      recordAudit(tx, ctx, {
        event: 'server.credential_removed',
        ...subjectOf(server),
        detail: { reason: movedByUrl ? 'The server moved to another origin.' : 'The server is another program.' },
      })
    }
    return { waits }
  })
}

/** Whoever disables a server says why; one that is disabled already keeps the reason it has. */
function requireReason(
  status: UpdateServerInput['status'],
  { before, reason }: { before: LockedServer['status']; reason: string | undefined },
): void {
  if (status !== 'disabled' && reason !== undefined) {
    const message = 'A reason is only kept of disabling a server: leave it out.'
    throw new DomainError('invalid', message, { field: 'reason', rule: 'registry:reason_unused' })
  }
  if (status === 'disabled' && before !== 'disabled' && reason === undefined) {
    const message = 'Say why it is disabled: its page, the calls that are refused and the audit log keep it.'
    throw new DomainError('invalid', message, { field: 'reason', rule: 'registry:reason_needed' })
  }
}

type Fields = Omit<UpdateServerInput, 'id' | 'acknowledged' | 'reason'>

/** Proposes what of a change loosens the facts of a server, and leaves the rest to be done; what was proposed of a fact that changes otherwise ends. Our own processes loosen nothing that a person could not. */
async function holdBack(
  tx: Tx,
  ctx: Ctx,
  server: LockedServer,
  wanted: Fields,
): Promise<{ fields: Fields; waits: boolean }> {
  if (ctx.actor.kind !== 'person') return { fields: wanted, waits: false }
  const fields = { ...wanted }
  const loosened = loosenedBy(server, wanted)
  for (const one of loosened) await proposeLoosening(tx, ctx, server, { ...one, toolName: null, reason: null })
  const lower = (what: string) => loosened.some((one) => one.what === what)
  for (const what of ['environment', 'sensitivity'] as const) {
    if (lower(what)) delete fields[what]
    else if (wanted[what]) await replaceLoosenings(tx, ctx, server, { what, toolName: null })
  }
  const { dataClasses } = wanted
  if (dataClasses) {
    const added = dataClasses.filter((kind) => !server.dataClasses.includes(kind))
    if (lower('data_class')) fields.dataClasses = [...(server.dataClasses as DataClass[]), ...added]
    for (const before of dataClasses)
      await replaceLoosenings(tx, ctx, server, { what: 'data_class', toolName: null, before })
  }
  return { fields, waits: loosened.length > 0 }
}

/** Whoever is asked about tools must be able to decide about them. */
async function requireApprover(tx: Tx, personId: string): Promise<void> {
  const person = await tx.person.findUnique({
    where: { id: personId },
    select: { active: true, roles: { select: { role: true } } },
  })
  const may =
    person?.active && person.roles.some(({ role }) => rolesWith('servers:manage').some((each) => each === role))
  if (may) return
  const who = rolesWith('servers:manage').map(roleLabel).join(', ')
  throw new DomainError('invalid', `The approver must be an active person with one of the roles: ${who}.`, {
    field: 'approverId',
    rule: 'registry:approver_may_not',
  })
}
