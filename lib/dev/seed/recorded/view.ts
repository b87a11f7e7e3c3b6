import { serversSql, policySetsSql } from '#lib/broker/view/rows.ts'
import type { Sql } from '#lib/broker/view/sql.ts'
import { BrokerView } from '#lib/broker/view/view.ts'
import type { Tx } from '#lib/db/client.ts'
import { openPolicySet } from '#lib/guardrails/queries.ts'
import { agentsSql, holdRulesSql, stopsSql } from '#lib/guardrails/queries/facts-sql.ts'
import type { AgentFacts } from '#lib/guardrails/rules/facts.ts'

/** The registry as brokers read it. Those who were suspended since count as active, for what they did before. Null: no central policies are in force to decide by. */
export async function readView(tx: Tx, agentIds: readonly string[]): Promise<BrokerView | null> {
  const sets = await ask(tx, policySetsSql)
  const enforced = sets.find(({ state }) => state === 'enforced')
  if (!enforced) return null
  const view = new BrokerView()
  view.policies = await openPolicySet(enforced)
  const logged = sets.find(({ state }) => state === 'log_only')
  view.candidate = logged ? await openPolicySet(logged) : null
  const agents = await ask(tx, agentsSql, [agentIds])
  view.putAgents(agents.map((agent) => ({ ...agent, status: 'active', statusReason: null })))
  view.putServers(await ask(tx, serversSql, [null]))
  view.holdRules = await ask(tx, holdRulesSql)
  view.putStops((await ask(tx, stopsSql))[0]?.stops ?? [])
  return view
}

/** When each grant was given: before, it is no fact. */
export async function readGrantTimes(tx: Tx, agentIds: readonly string[]): Promise<ReadonlyMap<string, Date>> {
  const grants = await tx.grant.findMany({
    where: { agentId: { in: [...agentIds] } },
    select: { id: true, createdAt: true },
  })
  return new Map(grants.map(({ id, createdAt }) => [id, createdAt]))
}

/** An agent with the grants that it had by an instant: the same object as long as these are the same, so that what follows from it is remembered. */
export function grantedBy(
  view: BrokerView,
  times: ReadonlyMap<string, Date>,
): (agentId: string, at: Date) => AgentFacts {
  const whole = new Map(view.agents)
  const parts = new Map<string, AgentFacts>()
  return (agentId, at) => {
    const facts = whole.get(agentId)!
    const grants = facts.grants.filter(({ id }) => (times.get(id) ?? at) <= at)
    if (grants.length === facts.grants.length) return facts
    const key = [agentId, ...grants.map(({ id }) => id)].join(' ')
    const known = parts.get(key) ?? { ...facts, grants }
    parts.set(key, known)
    return known
  }
}

async function ask<Row>(tx: Tx, sql: Sql<Row>, values: unknown[] = []): Promise<Row[]> {
  return await tx.$queryRawUnsafe<Row[]>(sql.text, ...values)
}
