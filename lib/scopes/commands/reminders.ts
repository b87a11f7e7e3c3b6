import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { Tx } from '#lib/db/client.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { aboutClocked, tellOfClocked } from '../clocked.ts'
import { passOnOverdue } from '../passing-on.ts'
import { coveredBesidesTools } from '../rules/besides-tools.ts'
import { renewDueTimes } from './due-times.ts'

const dayMs = 86_400_000
/** A grant that ends by itself is announced so long before; one that lasts shorter than twice that, when half of it is over. */
const warnDays = 7
/** A grant that ended longer ago is not announced: a worker that was away tells no old news. */
const endedDays = 3
const batchMax = 500

/**
 * Reminds, once each, those who are asked before a request is due (`scope_request.reminded`), announces those that nobody has decided in time (`scope_request.overdue`) and passes them on as their rules
 * say (`scope_request.escalated`); the same of open reviews of break-glass (`break_glass_review.*`); and announces grants that end soon and that have ended (`grant.ends_soon`, `grant.ended`). For the worker, as often as it likes. Needs `grants:revoke`, which processes of ours have. Returns how many were announced.
 */
export async function remindOfScopes(ctx: Ctx): Promise<Reminded> {
  authorize(ctx, 'grants:revoke')
  // Each in a transaction of its own: one that fails never stops the others.
  const reminded: Reminded = { renewed: 0, reminded: 0, overdue: 0, escalated: 0, ending: 0, ended: 0 }
  const failures: unknown[] = []
  for (const [part, work] of parts) {
    try {
      reminded[part] += await work(ctx)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} kinds of reminders failed.`)
  return reminded
}

/** By when each is due is looked at first, so that nobody is told of a time that holds no more. */
const parts: readonly Part[] = [
  ['renewed', renewDueTimes],
  ...(['request', 'review'] as const).flatMap((kind): Part[] => [
    ['reminded', (ctx) => tellOfClocked(ctx, kind, 'reminded')],
    ['overdue', (ctx) => tellOfClocked(ctx, kind, 'overdue')],
    ['escalated', (ctx) => passOnOverdue(ctx, kind)],
  ]),
  ['ending', endingGrants],
  ['ended', endedGrants],
]

/** What another grant covers is not noted as told, so that it is told of when that one is taken away before. */
async function endingGrants(ctx: Ctx): Promise<number> {
  return await inTx(ctx, async (tx, ctx) => {
    const ending = await tx.$queryRaw<Ending[]>`
      update "Grant" g set "endingToldAt" = ${ctx.now} from "Agent" a
      where a."id" = g."agentId" and g."id" in (
        select g."id" from "Grant" g
        where g."revokedAt" is null and g."endingToldAt" is null and g."via" <> 'break_glass' and g."expiresAt" > ${ctx.now}
          and g."expiresAt" <= ${new Date(ctx.now.getTime() + warnDays * dayMs)}
          and g."expiresAt" - ${ctx.now}::timestamptz <= (g."expiresAt" - g."createdAt") / 2
          and not ${coveredAfter(ctx.now)}
        order by g."expiresAt" limit ${batchMax} for update skip locked)
      returning g."id", g."class"::text as "class", g."expiresAt", g."serverId", g."toolName", a."id" as "agentId", a."name" as "agentName",
        a."ownerTeamId" as "teamId"`
    return tellOf(tx, ctx, 'grant.ends_soon', ending)
  })
}

/** Those whose time was over in the last days and that were not told of; the row that notes it is written once. Break-glass has its own announcements. */
async function endedGrants(ctx: Ctx): Promise<number> {
  return await inTx(ctx, async (tx, ctx) => {
    const ended = await tx.$queryRaw<(Ending & { covered: boolean })[]>`
      with told as (
        insert into "GrantEndTold" ("grantId", "at")
        select g."id", ${ctx.now} from "Grant" g
        where g."revokedAt" is null and g."via" <> 'break_glass' and g."expiresAt" <= ${ctx.now}
          and g."expiresAt" > ${new Date(ctx.now.getTime() - endedDays * dayMs)}
          and not exists (select 1 from "GrantEndTold" t where t."grantId" = g."id")
        order by g."expiresAt" limit ${batchMax}
        on conflict do nothing returning "grantId"
      )
      select g."id", g."class"::text as "class", g."expiresAt", g."serverId", g."toolName", a."id" as "agentId", a."name" as "agentName",
        a."ownerTeamId" as "teamId", ${coveredAfter(ctx.now)} as "covered"
      from told join "Grant" g on g."id" = told."grantId" join "Agent" a on a."id" = g."agentId"`
    const missed = ended.filter(({ covered }) => !covered)
    return tellOf(tx, ctx, 'grant.ended', missed)
  })
}

/** Whether another grant in force gives all that the grant `g` gives, for longer: then nobody has to ask for it again. Break-glass covers nothing. */
function coveredAfter(now: Date): Prisma.Sql {
  return Prisma.sql`exists (
    select 1 from "Grant" o
    where o."id" <> g."id" and o."agentId" = g."agentId" and o."serverId" = g."serverId" and o."class" >= g."class"
      and (o."toolName" is not distinct from g."toolName" or (o."toolName" is null
        and (not starts_with(g."toolName", ${methodPrefix}) or g."toolName" = any(${[...coveredBesidesTools]}))))
      and (o."conditions" = '[]' or o."conditions" = g."conditions")
      and (o."rateCalls" is null or (o."rateCalls" = g."rateCalls" and o."ratePer" = g."ratePer")) and o."revokedAt" is null and o."via" <> 'break_glass'
      and (o."expiresAt" is null or (o."expiresAt" > g."expiresAt" and o."expiresAt" > ${now})))`
}

/** On the record. Returns how many. */
function tellOf(tx: Tx, ctx: Ctx, event: 'grant.ends_soon' | 'grant.ended', rows: readonly Ending[]): number {
  for (const row of rows) {
    const { id, class: toolClass, toolName, expiresAt } = row
    const detail = { grantId: id, class: toolClass, toolName, expiresAt: expiresAt.toISOString() }
    recordAudit(tx, ctx, { event, ...aboutClocked(row), detail })
  }
  return rows.length
}

type Part = [keyof Reminded, (ctx: Ctx) => Promise<number>]
type Reminded = { renewed: number; reminded: number; overdue: number; escalated: number; ending: number; ended: number }
type Ending = {
  id: string
  class: string
  expiresAt: Date
  serverId: string
  toolName: string | null
  agentId: string
  agentName: string
  teamId: string
}
