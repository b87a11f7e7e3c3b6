import { print } from './print.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { byIdSql, poll, pollSql } from '#lib/registry/fleet/load.ts'
import { measuredSince } from '#lib/registry/measured.ts'
import { matchingAgentIds } from '#lib/registry/queries.ts'

/** The plans of every statement that answering a question sends. */
export async function printPlans(db: Db, ctx: Ctx): Promise<void> {
  const { xmin } = await poll(db, null)
  const ids = (await matchingAgentIds(ctx)).slice(0, 20)
  await printPlan(db, 'before each answer: what has changed, and the open stop orders', pollSql(xmin))
  await printPlan(
    db,
    'when 20 agents have changed',
    byIdSql(ids, { since: measuredSince(ctx.now), now: ctx.now, withFigures: true }),
  )
}

async function printPlan(db: Db, title: string, sql: Prisma.Sql): Promise<void> {
  const rows = await db.$queryRaw<{ 'QUERY PLAN': string }[]>(Prisma.sql`explain (analyze, costs off) ${sql}`)
  print(`\n-- ${title}\n${rows.map((row) => row['QUERY PLAN']).join('\n')}\n`)
}
