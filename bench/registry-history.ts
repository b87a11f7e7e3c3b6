import { print } from './print.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { diffAgents, getAgentAsOf, listAgents } from '#lib/registry/queries.ts'

const dayMs = 86_400_000
const q = 'can:write env:production'

/**
 * What questions about the past take: the first about an instant makes the fleet of then from the fleet of now, the next ones find it. `backdate`: the records are
 * made to begin 60 days ago, so that instants of other days can be asked about; not to be done to a database that is not the bench's own.
 */
export async function printHistory(db: Db, ctx: () => Ctx, { backdate }: { backdate: boolean }): Promise<void> {
  const ask = (asOf: string) => () => listAgents(ctx(), { q, asOf })
  const instant = await instantOf(db)
  await printTime('list as of an instant of today, first question', ask(instant))
  await printTime('list as of the same instant', ask(instant))
  await printTime('one agent as of that instant', async () => {
    const { items } = await listAgents(ctx(), { q, asOf: instant, limit: 1 })
    await getAgentAsOf(ctx(), { agentId: items[0]!.id, asOf: instant })
  })
  const { total } = await listAgents(ctx())
  const before = await instantOf(db)
  const share = Math.round(total / 100)
  await db.$executeRaw`update "Agent" set "purpose" = "purpose" || '.' where "id" in (select "id" from "Agent" order by md5("id") limit ${share})`
  await listAgents(ctx(), { q })
  await printTime(`first question, ${share} agents changed since`, ask(before))
  await printTime('difference of two lists, one instant new', async () =>
    diffAgents(ctx(), { q, from: new Date(Date.parse(before) + 1).toISOString(), to: await instantOf(db) }),
  )
  if (!backdate) return
  await db.$transaction(async (tx) => {
    await tx.$executeRaw`set local session_replication_role = replica`
    await tx.$executeRaw`update "HistoryMoment" set "at" = "at" - interval '60 days'`
    await tx.$executeRaw`update "HistoryHead" set "began" = "began" - interval '60 days'`
  })
  for (const days of [1, 30]) {
    const then = new Date(Date.now() - days * dayMs).toISOString()
    // Which policies were in force then, nobody has written down: nothing is asked about reach.
    const about = { q: 'status:active', asOf: then }
    await printTime(`first question about an instant ${days} days ago`, () => listAgents(ctx(), about))
    await printTime('the first by runs about that instant', () => listAgents(ctx(), { ...about, sort: 'runs' }))
  }
}

async function instantOf(db: Db): Promise<string> {
  const [row] = await db.$queryRaw<{ at: Date }[]>`select date_trunc('milliseconds', clock_timestamp()) as at`
  return row!.at.toISOString()
}

async function printTime(title: string, ask: () => Promise<unknown>): Promise<void> {
  const started = performance.now()
  const cpu = process.cpuUsage()
  await ask()
  const used = process.cpuUsage(cpu)
  const ms = (time: number): string => time.toFixed(0).padStart(7)
  print(`${title.padEnd(48)} ${ms(performance.now() - started)} ms, cpu ${ms((used.user + used.system) / 1000)} ms`)
}
