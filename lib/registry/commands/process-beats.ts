import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { type BeatingProcess, liveMs } from '../rules/process-beats.ts'

type Beating = { process: BeatingProcess; instance: string }
/** For tests: at another time than the database's clock says. */
type BeatingAt = Beating & { at?: Date }

const forgetMs = 3_600_000

/**
 * Says that a process lives, and returns how many of its kind do, itself included. One statement, by the database's clock: those of its hosts may
 * differ. Only processes of the platform.
 */
export async function beatProcess(ctx: Ctx, { process, instance, at }: BeatingAt): Promise<number> {
  requirePlatform(ctx)
  const now = Prisma.sql`coalesce(${at ?? null}::timestamptz, now())`
  const live = Prisma.sql`${now} - make_interval(secs => ${liveMs / 1000})`
  const forgotten = Prisma.sql`${now} - make_interval(secs => ${forgetMs / 1000})`
  const [row] = await ctx.db.$queryRaw<[{ others: number }]>`
    with forgotten as (
      delete from "ProcessBeat" where "seenAt" < ${forgotten} and "instance" <> ${instance}
    ), beat as (
      insert into "ProcessBeat" as b ("process", "instance", "since", "seenAt") values (${process}, ${instance}, ${now}, ${now})
      on conflict ("process", "instance") do update
        set "since" = case when b."seenAt" < ${live} then excluded."since" else b."since" end, "seenAt" = excluded."seenAt"
    )
    select count(*)::int as "others" from "ProcessBeat"
    where "process" = ${process} and "instance" <> ${instance} and "seenAt" >= ${live}`
  return row.others + 1
}

/** Says that a process lives no more, so that nobody has to find out. Only processes of the platform. */
export async function endProcessBeat(ctx: Ctx, { process, instance }: Beating): Promise<void> {
  requirePlatform(ctx)
  await ctx.db.processBeat.deleteMany({ where: { process, instance } })
}

function requirePlatform(ctx: Ctx): void {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
}
