import { z } from 'zod'
import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { exportManifests } from '#lib/lifecycle/queries.ts'
import { agentRows, catalogRows, matchingAgentIds } from '#lib/registry/queries.ts'
import { agentListQuery, type AgentSort } from '#lib/registry/schema.ts'
import { csvColumns } from '#lib/registry/schema/catalog.ts'
import { agentsCsv } from '#lib/web/agents-csv.ts'
import { apiRoute } from '#lib/web/route.ts'
import { streamed } from '#lib/web/stream.ts'

const exportQuery = agentListQuery.omit({ cursor: true, limit: true }).extend({
  format: z.enum(['csv', 'yaml']),
  /** Ids separated by commas: these instead of all that match. */
  ids: z.string().max(13_000).optional(),
  /** Of a table: what is shown on the page. */
  columns: csvColumns.optional(),
})

/** All agents that match the catalog's filters, or those selected, as a file that is made while it is read. */
export const GET = apiRoute({ query: exportQuery }, async (ctx, { query: { format, ids, columns, ...filter } }) => {
  authorize(ctx, 'agents:read')
  if (format === 'yaml' && filter.asOf !== undefined) {
    const message = 'YAML is there to be applied, so it is of the present; CSV can be of the past.'
    throw new DomainError('invalid', message, { field: 'asOf', rule: 'history:export' })
  }
  const selected = ids === undefined ? null : await inOrder(ctx, new Set(ids.split(',')), filter)
  const pieces =
    format === 'yaml'
      ? exportManifests(ctx, selected ?? (await matchingAgentIds(ctx, filter)))
      : agentsCsv(selected ? await agentRows(ctx, selected) : await catalogRows(ctx, filter), columns)
  return new Response(await streamed(pieces), {
    headers: {
      'content-type': format === 'yaml' ? 'application/yaml; charset=utf-8' : 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="agents.${format}"`,
      'cache-control': 'no-store',
    },
  })
})

/** What was selected in the order that is shown; also what does not match the filters any more. */
async function inOrder(
  ctx: Ctx,
  selected: ReadonlySet<string>,
  { sort, order }: { sort: AgentSort; order: 'asc' | 'desc' },
): Promise<string[]> {
  return (await matchingAgentIds(ctx, { sort, order })).filter((id) => selected.has(id))
}
