import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { hasLivedSql } from '#lib/registry/queries.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { driverColumns } from '../rules/drivers.ts'
import type { Driver } from '../rules/facts.ts'
import { digestOfCall, onTimeout } from '../rules/held-calls.ts'
import { holdFacts, holdRuleId } from '../rules/hold-words.ts'
import { type HeldColumns, isAsDecided, isAsHeld, sealOfDecision, sealOfHold } from '../rules/held-seals.ts'
import { requireSystem } from '../system-only.ts'
import type { ExactCall, HeldCallSource, HeldCallState, TimeoutAction } from '../schema/held-calls.ts'

// What processes of the platform do about held calls; what people do is in decide-held-call.ts. The row is the truth: whoever waits looks at it.

export type HoldCallInput = {
  source: HeldCallSource
  call: ExactCall
  class: ToolClass | null
  /** Of a call outside of runs: what its token was issued for, by the name of a credential. */
  credential?: string | null
  /** Whom its client acts for, when an identity provider says so. */
  drivenBy?: Driver | null
  rule: {
    id: string | null
    title: string
    deciderRoles: readonly string[]
    excludedDeciders: readonly string[]
    decideSeconds: number
    onTimeout: TimeoutAction
  }
}
export type HeldTicket = { heldCallId: string; state: HeldCallState; digest: string; createdAt: Date; expiresAt: Date }

/** Nobody who waits has said so for this long, in which whoever looks for callers has lived: the caller will not come back. Longer than a restart and a retry take. */
const awayMs = 120_000
/** What was decided waits this long for its caller; the same call after that is asked about anew. */
const unclaimedMs = 600_000

/**
 * Holds a call for a person, or finds it where the same call (by its digest) is held already and its end was not told yet: so a caller who comes back after
 * a restart goes on waiting. What was decided long ago for a caller who stayed away answers no new call. Only processes of the platform.
 */
export async function holdCall(ctx: Ctx, input: HoldCallInput): Promise<HeldTicket> {
  requireSystem(ctx)
  const digest = digestOfCall(input.call)
  return await inTx(ctx, async (tx, ctx) => {
    const open = { digest, settledAt: null, state: { not: 'cancelled' } } as const
    const { call, rule } = input
    // An event of Claude's is asked about once: what was decided is told again if it did not arrive.
    const asked =
      input.source === 'claude' ? await tx.heldCall.findFirst({ where: { digest }, include: withAgent }) : null
    if (asked) return ticketOf(asked)
    const unclaimed = await tx.$queryRaw<{ id: string }[]>`
      select "id" from "HeldCall" where "digest" = ${digest} and ${unclaimedSince(ctx.now)} for update`
    await endUnclaimed(tx, ctx, unclaimed)
    const expiresAt = new Date(ctx.now.getTime() + rule.decideSeconds * 1000)
    const [made] = await tx.heldCall.createManyAndReturn({
      data: [
        {
          source: input.source,
          digest,
          ...call,
          arguments: call.arguments as Prisma.InputJsonObject,
          inputResponses: (call.inputResponses as Prisma.InputJsonObject | null | undefined) ?? Prisma.DbNull,
          startedById: await starterOf(tx, input),
          ...driverColumns(input.drivenBy ?? null),
          class: input.class,
          ruleId: rule.id,
          ruleTitle: rule.title,
          deciderRoles: [...rule.deciderRoles],
          excludedDeciders: [...rule.excludedDeciders],
          onTimeout: onTimeout(rule.onTimeout, input.class),
          createdAt: ctx.now,
          seenAt: ctx.now,
          expiresAt,
        },
      ],
      skipDuplicates: true,
      include: withAgent,
    })
    if (!made) {
      const found = await tx.heldCall.findFirstOrThrow({ where: open, include: withAgent })
      await tx.heldCall.updateMany({ where: { id: found.id, state: 'waiting' }, data: { seenAt: ctx.now } })
      return ticketOf(found)
    }
    await tx.heldCall.update({ where: { id: made.id }, data: { hold: sealOfHold(columnsOf(made)) } })
    recordHeld(tx, ctx, made)
    return ticketOf(made)
  })
}

function recordHeld(tx: Tx, ctx: Ctx, made: HeldCallRow): void {
  const { id, digest, ruleId, ruleTitle, expiresAt, deciderRoles } = made
  const waits = { heldCallId: id, expiresAt }
  const facts = holdFacts({ ruleId, deciderRoles, onTimeout: made.onTimeout as TimeoutAction, waits })
  const terms = { heldCallId: id, digest, ruleTitle, expiresAt: expiresAt.toISOString() }
  const detail = { ...terms, class: made.class, step: 'hold', facts }
  const rule = holdRuleId(ruleId)
  recordAudit(tx, ctx, { event: 'call.held', ...aboutHeldCall(made), decision: 'hold', rule, detail })
}

/** Which person is behind a call, besides whom its client acts for: who started its run or set off what a process of ours started, and outside of runs who issued the credential it came with. */
async function starterOf(tx: Tx, { call, credential }: HoldCallInput): Promise<string | null> {
  if (call.runId !== null) {
    const run = await tx.run.findUnique({
      where: { id: call.runId },
      select: { requestedById: true, scheduledById: true },
    })
    return run?.requestedById ?? run?.scheduledById ?? null
  }
  if (!credential) return null
  // The key that a token is bound to follows the name.
  const [clientId = ''] = credential.split(' ')
  const issued = await tx.agentCredential.findUnique({ where: { clientId }, select: { issuedById: true } })
  return issued?.issuedById ?? null
}

/** Says that somebody still waits for these calls, and returns those that wait no more, which also what is not there does. One statement; only processes of the platform. */
export async function lookAtHeldCalls(ctx: Ctx, ids: readonly string[]): Promise<string[]> {
  requireSystem(ctx)
  const rows = await ctx.db.$queryRaw<{ id: string }[]>`
    with seen as (
      update "HeldCall" set "seenAt" = ${ctx.now} where "id" = any(${[...ids]}::uuid[]) and "state" = 'waiting'
        and "seenAt" < ${new Date(ctx.now.getTime() - 10_000)}
    )
    select w."id" from unnest(${[...ids]}::uuid[]) w("id") left join "HeldCall" h on h."id" = w."id"
    where h."id" is null or h."state" <> 'waiting' or h."settledAt" is not null`
  return rows.map(({ id }) => id)
}

export type Settled =
  | { end: 'released'; arguments: Record<string, unknown>; edited: boolean }
  | { end: 'rejected'; note: string; by: string }
  | { end: 'expired' | 'cancelled' }
  /** The approval is not for this call, or was used. */
  | { end: 'altered' }
/** It may not go now: the approval stays for who sends the same call again in time. */
export type Kept = { end: 'kept' }
type SettleInput = { heldCallId: string; call: ExactCall; by: string }
type MayGo = (released: Extract<Settled, { end: 'released' }>) => Promise<boolean>

/**
 * Takes the end of a held call, once: of all who wait for it, wherever, one gets it, and the others get `altered`. An approval is only good for the exact call it was
 * given for: `call` is that call as it would be carried out now. `mayGo` is asked last, before a release is spent. Only processes of the platform; throws `not_found`, and `conflict` while it waits.
 */
export async function settleHeldCall(ctx: Ctx, input: SettleInput & { mayGo: MayGo }): Promise<Settled | Kept>
export async function settleHeldCall(ctx: Ctx, input: SettleInput): Promise<Settled>
export async function settleHeldCall(ctx: Ctx, input: SettleInput & { mayGo?: MayGo }): Promise<Settled | Kept> {
  requireSystem(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const row = await lockHeldCall(tx, input.heldCallId)
    if (row.settledAt && row.source === 'claude') return await endOf(tx, { row, call: input.call, now: row.settledAt })
    if (row.settledAt) return { end: 'altered' }
    if (row.state === 'waiting') throw new DomainError('conflict', 'The call still waits for a decision.')
    const settled = await endOf(tx, { row, call: input.call, now: ctx.now })
    if (settled.end === 'released' && input.mayGo && !(await input.mayGo(settled))) return { end: 'kept' }
    await tx.heldCall.update({ where: { id: row.id }, data: { settledAt: ctx.now, settledBy: input.by } })
    const detail = { heldCallId: row.id, digest: row.digest, state: settled.end, by: input.by }
    const rule = settled.end === 'altered' ? { rule: 'held_call_altered' } : {}
    recordAudit(tx, ctx, { event: 'call.settled', ...aboutHeldCall(row), ...rule, detail })
    return settled
  })
}

/** Ends a call that still waits, because its caller or its run is gone or it would be refused now. Only processes of the platform; a decided one stays. */
export async function cancelHeldCall(ctx: Ctx, input: { heldCallId: string; reason: string }): Promise<boolean> {
  requireSystem(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const row = await lockHeldCall(tx, input.heldCallId)
    if (row.state !== 'waiting') return false
    await cancel(tx, ctx, row, input.reason)
    return true
  })
}

/** Ends every call whose time is over, whose caller stays away while it could come back (also from what was decided), whose run has ended or about which nobody can decide because it is not sealed. Only processes of the platform. Returns how many. */
export async function endHeldCalls(ctx: Ctx): Promise<number> {
  requireSystem(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const away = new Date(ctx.now.getTime() - awayMs)
    // Who waits says so through a broker, or through a worker where Claude asks: while there is none, nobody could.
    const asker = Prisma.sql`case h."source" when 'broker' then 'broker' else 'worker' end`
    const isAway = Prisma.sql`(h."seenAt" < ${away} and ${hasLivedSql(asker, { from: away, now: ctx.now })})`
    const rows = await tx.$queryRaw<{ id: string; late: boolean; away: boolean; unsealed: boolean }[]>`
      select h."id", h."expiresAt" <= ${ctx.now} as "late", ${isAway} as "away", h."hold" is null as "unsealed" from "HeldCall" h
      left join "Run" r on r."id" = h."runId"
      where h."state" = 'waiting' and (h."expiresAt" <= ${ctx.now} or ${isAway} or h."hold" is null
        or (h."runId" is not null and (r."state" is null or r."state" not in ('queued', 'running'))))
      order by h."id" limit 500 for update of h skip locked`
    for (const { id, late, away, unsealed } of rows) {
      const row = await lockHeldCall(tx, id)
      if (unsealed) {
        // Of a release that did not seal what it held, too.
        await cancelAltered(tx, ctx, row)
        continue
      }
      if (!late) {
        await cancel(tx, ctx, row, away ? 'Nobody waits for it any more.' : 'Its run has ended.')
        continue
      }
      // What is not as it was held is not sealed, and so refused.
      if (isAsHeld(columnsOf(row))) await endWith(tx, row, { state: 'expired', decidedAt: ctx.now })
      else await tx.heldCall.update({ where: { id }, data: { state: 'expired', decidedAt: ctx.now } })
      const detail = { heldCallId: id, digest: row.digest, outcome: row.onTimeout }
      recordAudit(tx, ctx, { event: 'call.expired', ...aboutHeldCall(row), rule: 'call_hold_expired', detail })
    }
    const unclaimed = await tx.$queryRaw<{ id: string }[]>`
      select "id" from "HeldCall" where "state" <> 'waiting' and ${unclaimedSince(ctx.now)}
      order by "id" limit 500 for update skip locked`
    await endUnclaimed(tx, ctx, unclaimed)
    return rows.length + unclaimed.length
  })
}

/** Open, and its time or its decision so long ago that nobody comes for it. An event of Claude's stays: its answer is told whenever it is asked for. */
function unclaimedSince(now: Date): Prisma.Sql {
  return Prisma.sql`"settledAt" is null and "state" <> 'cancelled' and "source" = 'broker'
    and case when "state" in ('waiting', 'expired') then "expiresAt" else "decidedAt" end < ${new Date(now.getTime() - unclaimedMs)}`
}

/** Settles what nobody fetched in time, so that no later call gets a verdict that was not given for it. The rows must be locked. */
async function endUnclaimed(tx: Tx, ctx: Ctx, rows: readonly { id: string }[]): Promise<void> {
  for (const { id } of rows) {
    const row = await lockHeldCall(tx, id)
    if (row.state === 'waiting') {
      await cancel(tx, ctx, row, 'Nobody waits for it any more.')
      continue
    }
    await tx.heldCall.update({ where: { id }, data: { settledAt: ctx.now, settledBy: 'nobody' } })
    const detail = { heldCallId: id, digest: row.digest, state: 'unclaimed', by: 'nobody' }
    recordAudit(tx, ctx, { event: 'call.settled', ...aboutHeldCall(row), detail })
  }
}

/** Nobody can decide about a row that is not as it was held: its caller is told, and may ask anew. */
export async function cancelAltered(tx: Tx, ctx: Ctx, row: HeldCallRow): Promise<void> {
  await cancel(tx, ctx, row, 'It was not any more what was held.')
}

async function cancel(tx: Tx, ctx: Ctx, row: HeldCallRow, reason: string): Promise<void> {
  await endWith(tx, row, { state: 'cancelled', decidedAt: ctx.now, note: reason })
  const detail = { heldCallId: row.id, digest: row.digest, reason }
  recordAudit(tx, ctx, { event: 'call.cancelled', ...aboutHeldCall(row), detail })
}

/** What became of it, if its row is as it was decided; an approval only for the very call it was given for. */
async function endOf(tx: Tx, { row, call, now }: { row: HeldCallRow; call: ExactCall; now: Date }): Promise<Settled> {
  if (!isAsDecided(columnsOf(row))) return { end: 'altered' }
  if (row.state === 'rejected') {
    const by = row.decidedById
      ? await tx.person.findUnique({ where: { id: row.decidedById }, select: { name: true } })
      : null
    return { end: 'rejected', note: row.note ?? '', by: by?.name ?? 'somebody' }
  }
  if (row.state === 'cancelled') return { end: 'cancelled' }
  const { agentId, agentVersion, runId, session, serverId, tool, definitionHash, policyVersion } = row
  const given = row.arguments as Record<string, unknown>
  const inputResponses = row.inputResponses as Record<string, unknown> | null
  const exact = { agentId, agentVersion, runId, session, serverId, tool, definitionHash, policyVersion }
  const recorded = { ...exact, arguments: given, inputResponses }
  if (digestOfCall(recorded) !== row.digest || digestOfCall(call) !== row.digest) return { end: 'altered' }
  if (row.state === 'expired') {
    const allowed = onTimeout(row.onTimeout as TimeoutAction, row.class) === 'allow'
    return allowed ? { end: 'released', arguments: given, edited: false } : { end: 'expired' }
  }
  const edited = row.state === 'edited'
  if (edited !== (row.editedArguments !== null) || row.decidedById === null) return { end: 'altered' }
  const releasedArguments = edited ? (row.editedArguments as Record<string, unknown>) : given
  return row.expiresAt <= now ? { end: 'expired' } : { end: 'released', arguments: releasedArguments, edited }
}

/** Writes what became of a call, sealed with all of its row. Returns the seal. */
export async function endWith(tx: Tx, row: HeldCallRow, change: Prisma.HeldCallUncheckedUpdateInput): Promise<string> {
  const approval = sealOfDecision({ ...columnsOf(row), ...change })
  await tx.heldCall.update({ where: { id: row.id }, data: { ...change, approval } })
  return approval
}

export const withAgent = {
  agent: {
    select: { name: true, accountablePersonId: true, ownerTeam: { select: { id: true, name: true } } },
  },
} satisfies Prisma.HeldCallInclude
export type HeldCallRow = Prisma.HeldCallGetPayload<{ include: typeof withAgent }>

/** The row alone, every column of it. */
export function columnsOf(row: HeldCallRow): HeldColumns {
  return Object.fromEntries(Object.entries(row).filter(([name]) => name !== 'agent'))
}

export async function lockHeldCall(tx: Tx, id: string): Promise<HeldCallRow> {
  await tx.$queryRaw`select 1 from "HeldCall" where "id" = ${id}::uuid for update`
  const row = await tx.heldCall.findUnique({ where: { id }, include: withAgent })
  if (!row) throw new DomainError('not_found', 'There is no such held call.')
  return row
}

export function aboutHeldCall(row: HeldCallRow) {
  const what = row.serverId ? `${row.serverId}/${row.tool}` : row.tool
  return {
    subject: { kind: 'tool', id: what, name: row.tool },
    agentId: row.agentId,
    teamId: row.agent.ownerTeam.id,
    ...(row.serverId ? { serverId: row.serverId } : {}),
    tool: row.tool,
    ...(row.runId ? { runId: row.runId } : {}),
  }
}

function ticketOf({ id, state, digest, createdAt, expiresAt }: HeldCallRow): HeldTicket {
  return { heldCallId: id, state, digest, createdAt, expiresAt }
}
