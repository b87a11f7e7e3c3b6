import type { Anthropic } from '@anthropic-ai/sdk'
import type { Db } from '#lib/db/client.ts'
import { conflict, invalid, notFound } from '../http/errors.ts'
import { patchMetadata } from '../http/metadata.ts'
import { newId } from '../ids.ts'
import { fromJson, toJson } from '../json.ts'
import { type PageArgs, pageFilter, toPage } from '../paging.ts'
import type { ConfigParams, CreateEnvironmentBody, UpdateEnvironmentBody } from './schema.ts'

type Environment = Anthropic.Beta.BetaEnvironment
type Config = Environment['config']
type Row = {
  id: string
  name: string
  description: string | null
  config: unknown
  metadata: unknown
  createdAt: Date
  updatedAt: Date
  archivedAt: Date | null
}

export async function createEnvironment(db: Db, body: CreateEnvironmentBody, now: Date): Promise<Environment> {
  const row = await db.embEnvironment.create({
    data: {
      id: newId('environment', now),
      name: body.name,
      description: body.description ?? null,
      config: toJson(toConfig(body.config ?? { type: 'cloud' }, null)),
      metadata: body.metadata,
      createdAt: now,
      updatedAt: now,
    },
  })
  return toEnvironment(row)
}

/** The environment of a known id that is there from the first start on. */
export async function seedEnvironment(db: Db, seed: { id: string; name: string }, now: Date): Promise<void> {
  await db.embEnvironment.createMany({
    data: [{ ...seed, config: { type: 'self_hosted' }, metadata: {}, createdAt: now, updatedAt: now }],
    skipDuplicates: true,
  })
}

export async function readEnvironment(db: Db, id: string): Promise<Environment> {
  const row = await db.embEnvironment.findUnique({ where: { id } })
  if (!row) throw notFound('environment', id)
  return toEnvironment(row)
}

export async function updateEnvironment(
  db: Db,
  id: string,
  { body, now }: { body: UpdateEnvironmentBody; now: Date },
): Promise<Environment> {
  return await db.$transaction(async (tx) => {
    await tx.$queryRaw`select "id" from "EmbEnvironment" where "id" = ${id} for update`
    const row = await tx.embEnvironment.findUnique({ where: { id } })
    if (!row) throw notFound('environment', id)
    if (row.archivedAt) {
      throw invalid('The environment is archived, so it cannot be updated.', { error_code: 'environment_archived' })
    }
    const current = fromJson<Config>(row.config)
    if (body.config && body.config.type !== current.type) {
      throw invalid('config.type cannot change.', { error_code: 'invalid_config_type_change' })
    }
    const updated = await tx.embEnvironment.update({
      where: { id },
      data: {
        ...(body.name ? { name: body.name } : {}),
        ...(body.description === undefined ? {} : { description: body.description }),
        ...(body.config ? { config: toJson(toConfig(body.config, current)) } : {}),
        metadata: patchMetadata(fromJson(row.metadata), body.metadata),
        updatedAt: now,
      },
    })
    return toEnvironment(updated)
  })
}

export async function archiveEnvironment(db: Db, id: string, now: Date): Promise<Environment> {
  await db.embEnvironment.updateMany({ where: { id, archivedAt: null }, data: { archivedAt: now, updatedAt: now } })
  return await readEnvironment(db, id)
}

export async function deleteEnvironment(db: Db, id: string): Promise<Anthropic.Beta.BetaEnvironmentDeleteResponse> {
  const inUse = await db.embSession.count({ where: { environmentId: id, status: { not: 'terminated' } } })
  if (inUse > 0) throw conflict(`The environment ${id} still has ${inUse} sessions. Archive them first.`)
  await db.embWork.deleteMany({ where: { environmentId: id } })
  const { count } = await db.embEnvironment.deleteMany({ where: { id } })
  if (count === 0) throw notFound('environment', id)
  return { id, type: 'environment_deleted' }
}

export async function listEnvironments(db: Db, filter: PageArgs & { includeArchived: boolean }) {
  const { where, ...page } = pageFilter(filter)
  const rows = await db.embEnvironment.findMany({
    where: { AND: [where, filter.includeArchived ? {} : { archivedAt: null }] },
    ...page,
  })
  return toPage(rows, filter, toEnvironment)
}

/** Fields left out keep their value on an update and take the API's default on creation. */
function toConfig(params: ConfigParams, current: Config | null): Config {
  if (params.type === 'self_hosted') return { type: 'self_hosted' }
  const before = current?.type === 'cloud' ? current : null
  return {
    type: 'cloud',
    networking: params.networking ? toNetworking(params.networking) : (before?.networking ?? { type: 'unrestricted' }),
    packages: {
      type: 'packages',
      apt: params.packages?.apt ?? before?.packages.apt ?? [],
      cargo: params.packages?.cargo ?? before?.packages.cargo ?? [],
      gem: params.packages?.gem ?? before?.packages.gem ?? [],
      go: params.packages?.go ?? before?.packages.go ?? [],
      npm: params.packages?.npm ?? before?.packages.npm ?? [],
      pip: params.packages?.pip ?? before?.packages.pip ?? [],
    },
  }
}

function toNetworking(
  params: NonNullable<Extract<ConfigParams, { type: 'cloud' }>['networking']>,
): Extract<Config, { type: 'cloud' }>['networking'] {
  if (params.type === 'unrestricted') return { type: 'unrestricted' }
  return {
    type: 'limited',
    allow_mcp_servers: params.allow_mcp_servers ?? false,
    allow_package_managers: params.allow_package_managers ?? false,
    allowed_hosts: params.allowed_hosts ?? [],
  }
}

function toEnvironment(row: Row): Environment {
  return {
    id: row.id,
    type: 'environment',
    name: row.name,
    description: row.description,
    config: fromJson<Config>(row.config),
    metadata: fromJson<Record<string, string>>(row.metadata),
    scope: 'organization',
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    archived_at: row.archivedAt?.toISOString() ?? null,
  }
}
