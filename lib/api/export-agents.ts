import type { z } from 'zod'
import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { exportManifests } from '#lib/lifecycle/queries.ts'
import { agentRows, catalogRows, matchingAgentIds } from '#lib/registry/queries.ts'
import type { AgentRow } from '#lib/registry/schema.ts'
import type { csv, exportMany } from './routes/agents.ts'

type ExportQuery = z.output<NonNullable<typeof exportMany.query>>
type CsvQuery = z.output<NonNullable<typeof csv.query>>

/** The agents with these ids, in that order, or those that match the catalog's query, as YAML documents, piece by piece. Needs `agents:read`; throws `not_found`, and `invalid` for ids together with a filter. */
export async function exportAgents(ctx: Ctx, query: ExportQuery): Promise<AsyncGenerator<string, void, void>> {
  authorize(ctx, 'agents:read')
  const { ids: given, measured, ...filter } = query
  const ids = given === undefined ? await matchingAgentIds(ctx, filter) : idsOf(given, filter)
  return exportManifests(ctx, ids, { measured })
}

/** The rows of the same agents for a table. Needs `agents:read`; throws `not_found`, and `invalid` for ids together with a filter. */
export async function exportedRows(ctx: Ctx, query: Omit<CsvQuery, 'columns'>): Promise<Iterable<AgentRow>> {
  authorize(ctx, 'agents:read')
  const { ids, ...filter } = query
  return ids === undefined ? await catalogRows(ctx, filter) : await rowsOf(ctx, idsOf(ids, filter))
}

async function rowsOf(ctx: Ctx, ids: readonly string[]): Promise<AgentRow[]> {
  const rows = await agentRows(ctx, ids)
  const found = new Set(rows.map(({ id }) => id))
  const missing = ids.find((id) => !found.has(id))
  if (missing !== undefined) throw new DomainError('not_found', `There is no agent ${missing}.`, { agentId: missing })
  return rows
}

type Filter = Omit<CsvQuery, 'ids' | 'columns'> | Omit<ExportQuery, 'ids' | 'measured'>

function idsOf(given: string, filter: Filter): string[] {
  const { sort: _sort, order: _order, q, ...filters } = filter
  if (q !== '' || Object.values(filters).some((value) => value !== undefined)) {
    throw new DomainError('invalid', 'Name the agents or describe them, not both.', { field: 'ids', rule: 'api:ids' })
  }
  return [
    ...new Set(
      given
        .split(',')
        .map((id) => id.trim())
        .filter(Boolean),
    ),
  ]
}
