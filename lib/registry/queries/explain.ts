import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { explainQuery } from '../fleet/explain.ts'
import { answering } from '../fleet/known-policies.ts'
import { fleetOf } from '../fleet/live.ts'
import { pastFleetOf } from '../fleet/past-fleet.ts'
import { instantOf } from '../history/past.ts'
import { queryOf } from '../query/of-list.ts'
import { formatAgentQuery } from '../query/print.ts'
import type { QueryExplanation } from '../schema.ts'

/** Why an agent does or does not match a query, part by part, or with `asOf` did or did not then. Needs `agents:read`; throws `not_found`, and `invalid` for a query that is wrong. */
export async function explainAgentQuery(
  ctx: Ctx,
  input: { agentId: string; q: string; asOf?: string | undefined },
): Promise<QueryExplanation> {
  authorize(ctx, 'agents:read')
  const query = queryOf({ q: input.q })
  const at = input.asOf === undefined ? null : await instantOf(ctx, { field: 'asOf', value: input.asOf })
  const index = at ? answering(await pastFleetOf(ctx, at), { query, at }) : await fleetOf(ctx)
  const slot = index.slotOf.get(input.agentId)
  if (slot === undefined) throw new DomainError('not_found', `There is no agent ${JSON.stringify(input.agentId)}.`)
  const agent = index.agent(slot)
  const explained = explainQuery({ index, agent, now: (at ?? ctx.now).getTime() }, query)
  return { agent: { id: agent.id, name: agent.name }, query: formatAgentQuery(query), ...explained }
}
