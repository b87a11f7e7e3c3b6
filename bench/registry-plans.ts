import { print } from './print.ts'
import { setTimeout } from 'node:timers/promises'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { daysAfterSql, figuresSql } from '#lib/registry/fleet/figures.ts'
import { accessTableSql, byIdSql, poll, pollSql } from '#lib/registry/fleet/load.ts'
import { otherwiseSql } from '#lib/registry/history/past.ts'
import { measuredSince } from '#lib/registry/measured.ts'
import { matchingAgentIds } from '#lib/registry/queries.ts'

/** The plans of every statement that answering a question sends; of those about an instant, with a twentieth of a second between it and now. */
export async function printPlans(db: Db, ctx: Ctx): Promise<void> {
  const { snapshot } = await poll(db, null)
  const ids = (await matchingAgentIds(ctx)).slice(0, 20)
  const about = { since: measuredSince(ctx.now), now: ctx.now }
  await printPlan(db, 'before each answer: what has changed, and the open stop orders', pollSql(snapshot))
  await printPlan(db, 'when 20 agents have changed', byIdSql(ids, { ...about, withFigures: true }))
  await printPlan(db, 'when servers, teams or policies have changed: the enforced set', accessTableSql())
  const at = new Date()
  await setTimeout(50)
  await db.agent.update({ where: { id: ids[0]! }, data: { purpose: 'changed for its plan' } })
  await printPlan(db, 'about an instant: who has changed since', otherwiseSql({ at, clock: new Date() }))
  await printPlan(db, 'about an instant: whether days were measured since', daysAfterSql(at))
  await printPlan(
    db,
    'about an instant: 20 agents as they were',
    byIdSql(ids, { ...about, now: at, past: true, withFigures: false }),
  )
  await printPlan(
    db,
    'about an instant of another day, when figures are asked for: those of 30 days',
    figuresSql({ since: about.since, until: at, windowOnly: true }),
  )
}

async function printPlan(db: Db, title: string, sql: Prisma.Sql): Promise<void> {
  const rows = await db.$queryRaw<{ 'QUERY PLAN': string }[]>(Prisma.sql`explain (analyze, costs off) ${sql}`)
  print(`\n-- ${title}\n${rows.map((row) => row['QUERY PLAN']).join('\n')}\n`)
}
