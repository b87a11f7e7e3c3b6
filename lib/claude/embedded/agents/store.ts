import type { Anthropic } from '@anthropic-ai/sdk'
import { isDeepStrictEqual } from 'node:util'
import type { Db } from '#lib/db/client.ts'
import { conflict, invalid, notFound } from '../http/errors.ts'
import { newId } from '../ids.ts'
import { type PageArgs, pageFilter, toPage } from '../paging.ts'
import { fromJson, toJson } from '../json.ts'
import { type AgentConfig, configOf, updatedConfig } from './config.ts'
import type { CreateAgentBody, UpdateAgentBody } from './schema.ts'

type Agent = Anthropic.Beta.BetaManagedAgentsAgent
type Row = { id: string; version: number; createdAt: Date; updatedAt: Date; archivedAt: Date | null }
type Version = { version: number; config: unknown; createdAt: Date }

export async function createAgent(db: Db, body: CreateAgentBody, now: Date): Promise<Agent> {
  const config = configOf(body)
  const row = { id: newId('agent', now), version: 1, createdAt: now, updatedAt: now }
  await db.embAgent.create({
    data: { ...row, versions: { create: { version: 1, config: toJson(config), createdAt: now } } },
  })
  return toAgent({ ...row, archivedAt: null }, { version: 1, config, createdAt: now })
}

/** A change makes the next version; the same configuration again keeps the current one. The row lock makes two updates take turns. */
export async function updateAgent(db: Db, id: string, body: UpdateAgentBody, now: Date): Promise<Agent> {
  return await db.$transaction(async (tx) => {
    await tx.$queryRaw`select "id" from "EmbAgent" where "id" = ${id} for update`
    const row = await tx.embAgent.findUnique({ where: { id } })
    if (!row) throw notFound('agent', id)
    if (row.archivedAt) throw invalid(`The agent ${id} is archived, so it cannot be updated.`)
    if (body.version !== undefined && body.version !== row.version) {
      throw conflict(
        `The agent ${id} is at version ${row.version}, not ${body.version}. Read it again before updating.`,
      )
    }
    const current = await tx.embAgentVersion.findUniqueOrThrow({
      where: { agentId_version: { agentId: id, version: row.version } },
    })
    const config = updatedConfig(fromJson<AgentConfig>(current.config), body)
    if (isDeepStrictEqual(toJson(config), current.config)) return toAgent(row, current)
    const version = { version: row.version + 1, config: toJson(config), createdAt: now }
    await tx.embAgentVersion.create({ data: { ...version, agentId: id } })
    return toAgent(
      await tx.embAgent.update({ where: { id }, data: { version: version.version, updatedAt: now } }),
      version,
    )
  })
}

/** One version, or the newest when none is named. */
export async function readAgent(db: Db, id: string, version?: number): Promise<Agent> {
  const row = await db.embAgent.findUnique({ where: { id } })
  if (!row) throw notFound('agent', id)
  const found = await db.embAgentVersion.findUnique({
    where: { agentId_version: { agentId: id, version: version ?? row.version } },
  })
  if (!found) throw notFound('version', `${version} of the agent ${id}`)
  return toAgent(row, found)
}

export async function archiveAgent(db: Db, id: string, now: Date): Promise<Agent> {
  await db.embAgent.updateMany({ where: { id, archivedAt: null }, data: { archivedAt: now, updatedAt: now } })
  return await readAgent(db, id)
}

export type AgentFilter = PageArgs & { includeArchived: boolean; since?: Date | undefined; until?: Date | undefined }

export async function listAgents(db: Db, filter: AgentFilter) {
  const { where, ...page } = pageFilter(filter)
  const createdAt = { ...(filter.since ? { gte: filter.since } : {}), ...(filter.until ? { lte: filter.until } : {}) }
  const rows = await db.embAgent.findMany({
    where: { AND: [where, { createdAt }, filter.includeArchived ? {} : { archivedAt: null }] },
    ...page,
  })
  const versions = await db.embAgentVersion.findMany({
    where: { OR: rows.map(({ id, version }) => ({ agentId: id, version })) },
  })
  const byAgent = new Map(versions.map((version) => [version.agentId, version]))
  return toPage(rows, filter, (row) => toAgent(row, byAgent.get(row.id) ?? unreachable(row.id)))
}

/** Newest first; the cursor is a version number. */
export async function listVersions(
  db: Db,
  id: string,
  page: { limit: number; before?: number | undefined },
): Promise<Agent[]> {
  const row = await db.embAgent.findUnique({ where: { id } })
  if (!row) throw notFound('agent', id)
  const versions = await db.embAgentVersion.findMany({
    where: { agentId: id, ...(page.before ? { version: { lt: page.before } } : {}) },
    orderBy: { version: 'desc' },
    take: page.limit,
  })
  return versions.map((version) => toAgent(row, version))
}

function toAgent(row: Row, version: Version): Agent {
  return {
    ...fromJson<AgentConfig>(version.config),
    id: row.id,
    type: 'agent',
    version: version.version,
    created_at: row.createdAt.toISOString(),
    updated_at: version.createdAt.toISOString(),
    archived_at: row.archivedAt?.toISOString() ?? null,
  }
}

function unreachable(id: string): never {
  throw new Error(`the agent ${id} has no row for its newest version`)
}
