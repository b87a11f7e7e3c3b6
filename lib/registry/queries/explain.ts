import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { explainQuery } from '../fleet/explain.ts'
import type { EndedGrant } from '../fleet/explain-access.ts'
import { answering } from '../fleet/known-policies.ts'
import { fleetOf } from '../fleet/live.ts'
import { pastFleetOf } from '../fleet/past-fleet.ts'
import { asTheyWere, instantOf } from '../history/past.ts'
import { asksAboutFigures, asksAboutReach } from '../query/asked-keys.ts'
import { queryOf } from '../query/of-list.ts'
import { formatAgentQuery } from '../query/print.ts'
import type { QueryExplanation } from '../schema.ts'
import { type GrantOnPaper, kindFacts } from './reach.ts'

/** Why an agent does or does not match a query, part by part, or with `asOf` did or did not then. Needs `agents:read`; throws `not_found`, and `invalid` for a query that is wrong. */
export async function explainAgentQuery(
  ctx: Ctx,
  input: { agentId: string; q: string; asOf?: string | undefined },
): Promise<QueryExplanation> {
  authorize(ctx, 'agents:read')
  const query = queryOf({ q: input.q })
  const at = input.asOf === undefined ? null : await instantOf(ctx, { field: 'asOf', value: input.asOf })
  // Before the fleet is asked: it changes with the next question.
  const ended = query.items.some(asksAboutReach) ? await endedGrants(ctx, { agentId: input.agentId, past: at }) : []
  const figures = asksAboutFigures(query)
  const index = at ? answering(await pastFleetOf(ctx, { at, figures }), { query, at }) : await fleetOf(ctx)
  const slot = index.slotOf.get(input.agentId)
  if (slot === undefined) throw new DomainError('not_found', `There is no agent ${JSON.stringify(input.agentId)}.`)
  const agent = index.agent(slot)
  const explained = explainQuery({ index, agent, ended, now: (at ?? ctx.now).getTime() }, query)
  return { agent: { id: agent.id, name: agent.name }, query: formatAgentQuery(query), ...explained }
}

/** So many of the grants that ended last are looked at. */
const endedMax = 500

/** An agent's grants that are over, the last ones first. */
async function endedGrants(ctx: Ctx, { agentId, past }: { agentId: string; past: Date | null }): Promise<EndedGrant[]> {
  const grants = { table: 'Grant', where: Prisma.sql`e."parent" = ${agentId}` } as const
  const now = past ?? ctx.now
  const rows = await reader(ctx).$queryRaw<GrantOnPaper[]>`${asTheyWere(past, [grants])}
    select "agentId", "serverId", "class"::text, "toolName", "via", "conditions", "expiresAt", "revokedAt" from "Grant"
    where "agentId" = ${agentId} and ("revokedAt" is not null or "expiresAt" <= ${now})
    order by least("revokedAt", "expiresAt") desc, "id" limit ${endedMax}`
  return rows.map((row) => {
    // One that had expired was not ended by being revoked later.
    const revoked = row.revokedAt !== null && (row.expiresAt === null || row.revokedAt <= row.expiresAt)
    const at = revoked ? row.revokedAt! : row.expiresAt!
    return { ...kindFacts(row), ended: revoked ? ('revoked' as const) : ('expired' as const), at }
  })
}
