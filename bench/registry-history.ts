import { print } from './print.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { diffAgents, getAgentAsOf, listAgents } from '#lib/registry/queries.ts'

/** What questions about the past take: the first about an instant builds the fleet of then, the next ones find it. */
export async function printHistory(db: Db, ctx: () => Ctx): Promise<void> {
  const instants: string[] = []
  for (let each = 0; each < 2; each += 1) {
    const { items } = await listAgents(ctx(), { limit: 1 })
    await db.agent.update({ where: { id: items[0]!.id }, data: { purpose: `changed ${each}` } })
    const { at } = await db.historyHead.findUniqueOrThrow({ where: { id: 1 } })
    instants.push(new Date(at.getTime() + 1).toISOString())
  }
  const [from, to] = instants as [string, string]
  const q = 'can:write env:production'
  await printTime('list as of an instant, first question', () => listAgents(ctx(), { q, asOf: from }))
  await printTime('list as of the same instant', () => listAgents(ctx(), { q, asOf: from }))
  await printTime('one agent as of an instant', async () => {
    const { items } = await listAgents(ctx(), { q, asOf: from, limit: 1 })
    await getAgentAsOf(ctx(), { agentId: items[0]!.id, asOf: from })
  })
  await printTime('difference of two lists, one instant new', () => diffAgents(ctx(), { q, from, to }))
}

async function printTime(title: string, ask: () => Promise<unknown>): Promise<void> {
  const started = performance.now()
  await ask()
  print(`${title.padEnd(44)} ${(performance.now() - started).toFixed(0).padStart(7)} ms`)
}
