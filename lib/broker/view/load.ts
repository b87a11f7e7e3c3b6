import type pg from 'pg'
import { agentsSql, holdRulesSql, runsSql } from '#lib/guardrails/queries/facts-sql.ts'
import { afterEverything, notesMax, pollSql, type PollRow, type Position, pruneSql } from './notes.ts'
import { keysSql, policySetsSql, revocationsSql, serversSql } from './rows.ts'
import { run } from './sql.ts'
import type { BrokerView } from './view.ts'

/** All agents of a fleet of 100,000 take 7 to 15 s on two busy cores: to read everything is no poll that says whether the database lives. */
const readAllMs = 60_000
const readSomeMs = 3000
/** Several times what the same fleet takes. */
const readOneMs = 1

/** What was read, how much of the registry that was, and up to where. */
export type Reading = { extent: 'whole' | 'changes'; rows: number; position: Position; oldest: string }

/** Reads everything in one snapshot and replaces the view with it. */
export async function loadAll(client: pg.ClientBase, view: BrokerView): Promise<Reading> {
  return inSnapshot(client, async () => {
    const poll = await pollFrom(client, afterEverything)
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
    putPolled(view, poll)
    await view.putPolicySets(policySets)
    return readingOf('whole', poll, [agents, servers, runs, keys, revocations, holdRules, policySets])
  })
}

/** Asks what changed since a position and reads that, usually in one round trip; everything when that is more than notes are read of, or the position is ahead of the database. */
export async function loadChanges(client: pg.ClientBase, view: BrokerView, since: Position): Promise<Reading> {
  const first = await pollFrom(client, since)
  if (first.notes > notesMax || BigInt(first.next) < BigInt(since.next)) return loadAll(client, view)
  if (first.changes.length === 0) {
    putPolled(view, first)
    return readingOf('changes', first, [])
  }
  const read = await inSnapshot(client, async () => {
    const poll = await pollFrom(client, since)
    if (poll.notes > notesMax) return null
    const keys = (kind: string) => poll.changes.filter((change) => change.kind === kind).map((change) => change.key)
    const [agentIds, serverIds, runIds, kids] = [keys('agent'), keys('server'), keys('run'), keys('key')]
    const ms = readSomeMs + readOneMs * poll.changes.length
    const agents = agentIds.length > 0 ? await run(client, agentsSql, [agentIds], ms) : []
    const servers = serverIds.length > 0 ? await run(client, serversSql, [serverIds], ms) : []
    const runs = runIds.length > 0 ? await run(client, runsSql, [runIds], ms) : []
    const holdRules = keys('hold').length > 0 ? await run(client, holdRulesSql) : null
    const signingKeys = kids.length > 0 ? await run(client, keysSql) : null
    const revocations = keys('revocation').length > 0 ? await run(client, revocationsSql) : null
    const policySets = keys('policy_set').length > 0 ? await run(client, policySetsSql) : null
    view.forget({ agentIds, serverIds, runIds })
    view.putAgents(agents)
    view.putServers(servers)
    view.putRuns(runs)
    if (signingKeys) view.putKeys(signingKeys)
    if (revocations) view.putRevocations(revocations)
    if (holdRules) view.holdRules = holdRules
    putPolled(view, poll)
    if (policySets) await view.putPolicySets(policySets)
    return readingOf('changes', poll, [agents, servers, runs, signingKeys, revocations, holdRules, policySets])
  })
  return read ?? loadAll(client, view)
}

/** @param before of whom the notes may go: every broker has read them, or reads everything. */
export async function pruneChanges(client: pg.ClientBase, before: string): Promise<void> {
  await client.query(pruneSql, [before])
}

/** What every look at the registry says. */
function putPolled(view: BrokerView, { stops, spendingLookedAt }: PollRow): void {
  view.putStops(stops)
  view.spendingLookedAt = spendingLookedAt
}

async function pollFrom(client: pg.ClientBase, { next, open }: Position): Promise<PollRow> {
  const [poll] = await run(client, pollSql, [next, open])
  return poll!
}

function readingOf(
  extent: Reading['extent'],
  { next, open, oldest }: PollRow,
  read: readonly (readonly unknown[] | null)[],
): Reading {
  const rows = read.reduce((sum, each) => sum + (each?.length ?? 0), 0)
  return { extent, rows, position: { next, open }, oldest }
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
