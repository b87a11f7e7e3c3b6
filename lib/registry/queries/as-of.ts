import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { loadAgentsById, loadFacts, loadPastStops } from '../fleet/load.ts'
import { rowOf } from '../fleet/row.ts'
import { asTheyWere, instantOf, momentOf, momentView } from '../history/past.ts'
import { measuredSince } from '../measured.ts'
import { type AgentLayer, type AgentView, inheritedGuardrails } from '../schema.ts'
import type { MomentView } from '../schema/history.ts'
import { accessOf } from './access.ts'
import { agentNotFound, listAgentVersions } from './agents.ts'
import { personNames } from './people.ts'
import { fleetWith } from './reach.ts'

/** What the records say about an instant that somebody wrote in `field`. Needs `agents:read`; throws `invalid`. */
export async function getMoment(ctx: Ctx, asked: { field: string; value: string }): Promise<MomentView> {
  authorize(ctx, 'agents:read')
  return momentView(await momentOf(ctx, asked))
}

/**
 * An agent as it was at an instant, with what it could reach then; its measurements are of the 30 UTC days up to then. Needs `agents:read`;
 * throws `not_found` if it was not registered then, and `invalid` for the instant.
 */
export async function getAgentAsOf(ctx: Ctx, input: { agentId: string; asOf: string }): Promise<AgentView> {
  authorize(ctx, 'agents:read')
  const at = await instantOf(ctx, { field: 'asOf', value: input.asOf })
  const view = await agentAt(ctx, { agentId: input.agentId, at })
  if (!view) throw agentNotFound(input.agentId, at)
  return view
}

/** The same at an instant that was accepted; null: not registered then. Callers authorize. */
export async function agentAt(ctx: Ctx, { agentId, at }: { agentId: string; at: Date }): Promise<AgentView | null> {
  const db = reader(ctx)
  const about = { since: measuredSince(at), now: at, past: true }
  const [agent] = await loadAgentsById(db, [agentId], about)
  if (!agent) return null
  const [facts, stops, entry, versions] = await Promise.all([
    loadFacts(db, at),
    loadPastStops(db, at),
    entryAt(ctx, { agentId, at }),
    listAgentVersions(ctx, agentId),
  ])
  const layer = await db.agentVersion.findUnique({
    where: { agentId_version: { agentId, version: agent.version } },
    select: { layer: true },
  })
  const people = await personNames(ctx, [entry.createdById])
  return {
    ...rowOf(agent, { facts, clock: at.getTime() }),
    statusReason: entry.statusReason,
    statusChangedAt: entry.statusChangedAt.toISOString(),
    scheduleEnabled: entry.scheduleEnabled,
    monthlyBudgetMicros: entry.monthlyBudgetMicros?.toString() ?? null,
    createdBy: entry.createdById ? (people.get(entry.createdById) ?? null) : null,
    updatedAt: entry.updatedAt.toISOString(),
    guardrails: inheritedGuardrails,
    access: await accessOf(ctx, agentId, { past: at, index: fleetWith({ agents: [agent], facts, stops, at }) }),
    layer: (layer?.layer ?? { prompt: '', parameters: {} }) as AgentLayer,
    // A version is made current by the transaction that makes it.
    versions: versions
      .filter(({ version }) => version <= agent.version)
      .map((row) => (row.claude && new Date(row.claude.boundAt) > at ? { ...row, claude: null } : row)),
    pendingScopeRequests: Number(entry.pending),
  }
}

/** What the catalog does not know of an entry. */
async function entryAt(ctx: Ctx, { agentId, at }: { agentId: string; at: Date }): Promise<RawEntry> {
  const key = Prisma.sql`e."key" = ${agentId}`
  const parent = Prisma.sql`e."parent" = ${agentId}`
  const [entry] = await reader(ctx).$queryRaw<RawEntry[]>`${asTheyWere(at, [
    { table: 'Agent', where: key },
    { table: 'ScopeRequest', where: parent },
  ])}select a."statusReason", a."statusChangedAt", a."scheduleEnabled", a."monthlyBudgetMicros", a."createdById",
    (select count(*) from "ScopeRequest" r where r."state" = 'pending') as "pending",
    (select max(m."at") from "HistoryEntry" e join "HistoryMoment" m on m."id" = e."momentId"
      where e."kind" = 'Agent' and e."key" = ${agentId} and m."at" <= ${at}) as "updatedAt"
    from "Agent" a`
  return entry!
}

type RawEntry = {
  statusReason: string | null
  statusChangedAt: Date
  scheduleEnabled: boolean
  monthlyBudgetMicros: bigint | null
  createdById: string | null
  pending: bigint
  updatedAt: Date
}
