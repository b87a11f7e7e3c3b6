import type { z } from 'zod'
import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { exportManifests } from '#lib/lifecycle/queries.ts'
import { matchingAgentIds } from '#lib/registry/queries.ts'
import type { exportMany } from './routes/agents.ts'

type ExportQuery = z.output<NonNullable<typeof exportMany.query>>

/** The agents with these ids, in that order, or those that match the catalog's query, as YAML documents, piece by piece. Needs `agents:read`; throws `not_found`, and `invalid` for ids together with a filter. */
export async function exportAgents(ctx: Ctx, query: ExportQuery): Promise<AsyncGenerator<string, void, void>> {
  authorize(ctx, 'agents:read')
  const { ids: given, measured, ...filter } = query
  const ids = given === undefined ? await matchingAgentIds(ctx, filter) : idsOf(given, filter)
  return exportManifests(ctx, ids, { measured })
}

function idsOf(given: string, filter: Omit<ExportQuery, 'ids' | 'measured'>): string[] {
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
