import type pg from 'pg'
import { agentsSql, holdRulesSql, runsSql } from '#lib/guardrails/queries/facts-sql.ts'
import { keysSql, policySetsSql, pollSql, pruneChangesSql, revocationsSql, serversSql } from './rows.ts'
import { run } from './sql.ts'
import type { BrokerView } from './view.ts'

/** All agents of a fleet of 100,000 take 7 to 15 s on two busy cores: to read everything is no poll that says whether the database lives. */
const readAllMs = 60_000

/** No transaction is as young: asks for no changes. */
const afterEverything = '9223372036854775807'

/** Reads everything in one snapshot and replaces the view with it; returns the xmin to ask from next time. */
export async function loadAll(client: pg.ClientBase, view: BrokerView): Promise<string> {
  return inSnapshot(client, async () => {
    const [poll] = await run(client, pollSql, [afterEverything])
    const agents = await run(client, agentsSql, [null], readAllMs)
    const servers = await run(client, serversSql, [null], readAllMs)
    const runs = await run(client, runsSql, [null], readAllMs)
    const keys = await run(client, keysSql, [], readAllMs)
    const revocations = await run(client, revocationsSql, [], readAllMs)
    const holdRules = await run(client, holdRulesSql, [], readAllMs)
    const policySets = await run(client, policySetsSql, [], readAllMs)
    view.clear()
    view.putAgents(agents)
    view.putServers(servers)
    view.putRuns(runs)
    view.putKeys(keys)
    view.putRevocations(revocations)
    view.holdRules = holdRules
    view.stops = poll!.stops
    await view.putPolicySets(policySets)
    return poll!.xmin
  })
}

/** Asks what changed since `xmin` and reloads that; usually one round trip. Returns the xmin to ask from next time. */
export async function loadChanges(client: pg.ClientBase, view: BrokerView, xmin: string): Promise<string> {
  const [poll] = await run(client, pollSql, [xmin])
  if (poll!.changes.length === 0) {
    view.stops = poll!.stops
    return poll!.xmin
  }
  return inSnapshot(client, async () => {
    const [poll] = await run(client, pollSql, [xmin])
    const keys = (kind: string) => poll!.changes.filter((change) => change.kind === kind).map((change) => change.key)
    const [agentIds, serverIds, runIds, kids] = [keys('agent'), keys('server'), keys('run'), keys('key')]
    const agents = agentIds.length > 0 ? await run(client, agentsSql, [agentIds]) : []
    const servers = serverIds.length > 0 ? await run(client, serversSql, [serverIds]) : []
    const runs = runIds.length > 0 ? await run(client, runsSql, [runIds]) : []
    const holdRules = keys('hold').length > 0 ? await run(client, holdRulesSql) : null
    const signingKeys = kids.length > 0 ? await run(client, keysSql) : null
    const revocations = keys('revocation').length > 0 ? await run(client, revocationsSql) : null
    const policySets = keys('policy_set').length > 0 ? await run(client, policySetsSql) : null
    for (const id of agentIds) view.agents.delete(id)
    for (const id of serverIds) view.servers.delete(id)
    for (const id of runIds) view.runs.delete(id)
    view.putAgents(agents)
    view.putServers(servers)
    view.putRuns(runs)
    if (signingKeys) view.putKeys(signingKeys)
    if (revocations) view.putRevocations(revocations)
    if (holdRules) view.holdRules = holdRules
    view.stops = poll!.stops
    if (policySets) await view.putPolicySets(policySets)
    return poll!.xmin
  })
}

export async function pruneChanges(client: pg.ClientBase): Promise<void> {
  await client.query(pruneChangesSql)
}

async function inSnapshot<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('begin isolation level repeatable read read only')
  try {
    const outcome = await work()
    await client.query('commit')
    return outcome
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}
