import type { Anthropic } from '@anthropic-ai/sdk'
import type { Db } from '#lib/db/client.ts'
import type { EmbSession } from '#lib/db/generated/client.ts'
import { readAgent } from '../agents/store.ts'
import { isPriced } from '../agents/schema.ts'
import type { Journal } from '../events/journal.ts'
import { type ApiError, invalid, notFound } from '../http/errors.ts'
import { patchMetadata } from '../http/metadata.ts'
import { newId } from '../ids.ts'
import { fromJson, toJson } from '../json.ts'
import { toCents } from '../list-prices.ts'
import { pageFilter, toPage } from '../paging.ts'
import { endWork, ensureWork } from '../work/queue.ts'
import type { CreateSessionBody, ListSessionsQuery, UpdateSessionBody } from './schema.ts'
import { terminate } from './transitions.ts'
import { activeMsAt, listCostSoFar, type SessionAgent, toSession } from './view.ts'

type Session = Anthropic.Beta.BetaManagedAgentsSession
type Deps = { db: Db; journal: Journal }

/** On one agent version, in a self-hosted environment; its first messages are there before anybody can see it. */
export async function createSession({ db, journal }: Deps, body: CreateSessionBody, now: Date): Promise<Session> {
  const reference = typeof body.agent === 'string' ? { id: body.agent } : body.agent
  const agent = await readAgent(db, reference.id, 'version' in reference ? reference.version : undefined)
  if (agent.archived_at) throw invalid(`The agent ${agent.id} is archived, so no session can be made on it.`)
  await checkEnvironment(db, body.environment_id)
  await checkVaults(db, body.vault_ids)
  if (body.budget) checkBudgetable(agent.model.id)

  const row = await db.embSession.create({
    data: {
      id: newId('session', now),
      agentId: agent.id,
      agentVersion: agent.version,
      agent: toJson(toSessionAgent(agent)),
      environmentId: body.environment_id,
      title: body.title ?? null,
      metadata: body.metadata,
      vaultIds: body.vault_ids,
      status: 'idle',
      budgetCents: body.budget ? BigInt(body.budget.max_list_cost.amount) : null,
      createdAt: now,
      updatedAt: now,
    },
  })
  await journal.write(row.id, async (writer) => {
    for (const event of body.initial_events) writer.append(event, { queued: true })
    if (usesSandbox(agent)) await ensureWork(writer.tx, row, now)
  })
  return await readSession(db, row.id, now)
}

export async function readSession(db: Db, id: string, now: Date): Promise<Session> {
  return toSession(await findSession(db, id), now)
}

export async function findSession(db: Db, id: string): Promise<EmbSession> {
  const row = await db.embSession.findUnique({ where: { id } })
  if (!row) throw notFound('session', id)
  return row
}

export async function listSessions(db: Db, query: ListSessionsQuery, now: Date) {
  // Deployments and memory stores do not exist here, so nothing belongs to one.
  if (query.deployment_id || query.memory_store_id) return { data: [], next_page: null, prev_page: null }
  const { where, ...page } = pageFilter(query)
  const createdAt = {
    ...(query['created_at[gt]'] ? { gt: query['created_at[gt]'] } : {}),
    ...(query['created_at[gte]'] ? { gte: query['created_at[gte]'] } : {}),
    ...(query['created_at[lt]'] ? { lt: query['created_at[lt]'] } : {}),
    ...(query['created_at[lte]'] ? { lte: query['created_at[lte]'] } : {}),
  }
  const rows = await db.embSession.findMany({
    where: {
      AND: [
        where,
        { createdAt },
        query.include_archived ? {} : { archivedAt: null },
        query.agent_id ? { agentId: query.agent_id } : {},
        query.agent_id && query.agent_version ? { agentVersion: query.agent_version } : {},
        query.statuses ? { status: { in: query.statuses } } : {},
      ],
    },
    ...page,
  })
  return toPage(rows, query, (row) => toSession(row, now))
}

export async function updateSession(
  { journal }: Pick<Deps, 'journal'>,
  id: string,
  body: UpdateSessionBody,
): Promise<Session> {
  return await journal.write(id, async (writer) => {
    const { session, now } = writer
    const budget = body.budget === undefined ? undefined : checkedBudget(session, body.budget, now)
    const metadata = patchMetadata(fromJson(session.metadata), body.metadata)
    const title = body.title === undefined ? session.title : body.title
    const changes = {
      ...(title === session.title ? {} : { title }),
      ...(body.metadata ? { metadata } : {}),
      ...(budget === undefined ? {} : { budget: body.budget ?? null }),
    }
    if (Object.keys(changes).length > 0) {
      writer.append({ type: 'session.updated', ...changes })
      writer.set({ title, metadata, ...(budget === undefined ? {} : { budgetCents: budget }) })
    }
    return toSession({ ...session, title, metadata, ...(budget === undefined ? {} : { budgetCents: budget }) }, now)
  })
}

/** For good; a turn in progress ends here. The caller then cuts the loop. */
export async function archiveSession({ db, journal }: Deps, id: string, now: Date): Promise<Session> {
  await journal.write(id, async (writer) => {
    if (writer.session.archivedAt) return
    terminate(writer)
    writer.set({ archivedAt: now })
    await endWork(writer.tx, id, now)
  })
  return await readSession(db, id, now)
}

/** A running session must be interrupted first. */
export async function deleteSession({ db, journal }: Deps, id: string) {
  await journal.write(id, async (writer) => {
    if (writer.session.status === 'running' || writer.session.status === 'rescheduling') {
      throw invalid(`The session ${id} is running. Interrupt it before deleting it.`)
    }
    writer.append({ type: 'session.deleted' })
    terminate(writer)
    await endWork(writer.tx, id, writer.now)
  })
  await db.embSession.delete({ where: { id } })
  return { id, type: 'session_deleted' } satisfies Anthropic.Beta.Sessions.BetaManagedAgentsDeletedSession
}

function toSessionAgent(agent: Anthropic.Beta.BetaManagedAgentsAgent): SessionAgent {
  const { created_at: _c, updated_at: _u, archived_at: _a, metadata: _m, ...rest } = agent
  return { ...rest, multiagent: null }
}

function usesSandbox(agent: Pick<SessionAgent, 'tools'>): boolean {
  return agent.tools.some(
    (tool) =>
      tool.type === 'agent_toolset_20260401' &&
      (tool.default_config.enabled || tool.configs.some((config) => config.enabled)),
  )
}

async function checkEnvironment(db: Db, id: string): Promise<void> {
  const environment = await db.embEnvironment.findUnique({ where: { id } })
  if (!environment) throw notFound('environment', id)
  if (environment.archivedAt) throw invalid(`The environment ${id} is archived.`)
  if (fromJson<{ type: string }>(environment.config).type !== 'self_hosted') {
    throw invalid('This server has no cloud sandboxes: use an environment of type self_hosted.')
  }
}

async function checkVaults(db: Db, ids: readonly string[]): Promise<void> {
  const rows = await db.embVault.findMany({ where: { id: { in: [...ids] } } })
  for (const id of ids) {
    const vault = rows.find((row) => row.id === id)
    if (!vault) throw notFound('vault', id)
    if (vault.archivedAt) throw invalid(`The vault ${id} is archived.`)
  }
}

function checkBudgetable(modelId: string): void {
  if (isPriced(modelId)) return
  throw refusedBudget('model_not_budgetable', `The model ${modelId} has no list price, so a budget cannot be kept.`)
}

/** The new cap in cents, null to remove it. A cap cannot come back and cannot be below what is spent. */
function checkedBudget(session: EmbSession, budget: UpdateSessionBody['budget'], now: Date): bigint | null {
  if (session.status === 'terminated') throw invalid(`The session ${session.id} is terminated.`)
  if (!budget) return null
  if (session.budgetCents === null) {
    throw refusedBudget('budget_create_only', 'A budget can only be set when the session is created.')
  }
  const cents = BigInt(budget.max_list_cost.amount)
  const cost = listCostSoFar({ ...session, activeMs: activeMsAt(session, now) })
  if (cost === null || cents <= toCents(cost)) {
    throw refusedBudget('budget_not_raised', 'The budget must be above the cost so far.')
  }
  return cents
}

function refusedBudget(reason: string, message: string): ApiError {
  return invalid(message, { error_code: reason })
}
