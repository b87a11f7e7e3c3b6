import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { agentsEver, asTheyWere, enforcedThenSql, withAsTheyWere } from '../history/past.ts'
import { compareVersions } from '../rules.ts'
import { type AccessTable, accessTableFormat } from '../schema/access-table.ts'
import { Guardrails } from '../rules/guardrails.ts'
import type { FleetAgent, FleetFacts, FleetFigures, FleetPerson, FleetServer, FleetStop } from './facts.ts'
import { dayOf, figureColumns, loadFigures, noFigures } from './figures.ts'

/** Agents read in one statement: few enough to be one answer of some megabytes. */
const batchSize = 5000

export type Change = { kind: string; key: string }
export type Poll = {
  /** Which transactions had ended: what they noted is in this answer or was before. */
  snapshot: string
  changes: Change[]
  stops: FleetStop[]
}

/** One round trip: the open stop orders, and what has changed since a snapshot; without one no changes. */
export async function poll(db: Tx, since: string | null): Promise<Poll> {
  const [row] = await db.$queryRaw<Poll[]>(pollSql(since))
  return row!
}

/** Besides its xmin (for the index) the whole snapshot is asked: else a long transaction would have all that ended after its begin told each time. */
export function pollSql(since: string | null): Prisma.Sql {
  const snapshot = Prisma.sql`${since}::text::pg_snapshot`
  return Prisma.sql`select pg_current_snapshot()::text as snapshot,
    coalesce((select json_agg(c) from (select distinct "kind", "key" from "FleetChange"
      where "xid" >= pg_snapshot_xmin(${snapshot})::text::bigint
        and not pg_visible_in_snapshot("xid"::text::xid8, ${snapshot})) c), '[]') as changes,
    ${stopsSql} as stops`
}

const stopsSql = Prisma.sql`coalesce((select json_agg(json_build_object('scope', "scope", 'targetId', "targetId", 'reason', "reason")
  order by "orderedAt", "id") from "StopOrder" where "releasedAt" is null), '[]')`

/** The stop orders that were open at an instant. */
export async function loadPastStops(db: Tx, past: Date): Promise<FleetStop[]> {
  const [row] = await db.$queryRaw<
    { stops: FleetStop[] }[]
  >`${asTheyWere(past, ['StopOrder'])}select ${stopsSql} as stops`
  return row!.stops
}

/** What agents refer to, now or as it was at an instant. */
export async function loadFacts(db: Tx, past: Date | null = null): Promise<FleetFacts> {
  const [teams, servers, people, templates, guardrails] = await Promise.all([
    db.$queryRaw<{ id: string; name: string }[]>`${asTheyWere(past, ['Team'])}select "id", "name" from "Team"`,
    db.$queryRaw<
      FleetServer[]
    >`${asTheyWere(past, ['McpServer', 'McpTool'])}select s."id", s."name", s."environment"::text, s."sensitivity"::text, coalesce(s."dataClasses", array[]::text[]) as "dataClasses", s."demo", s."status" = 'active' as active,
      coalesce((select json_agg(json_build_object('name', t."name", 'class', t."class", 'state', t."state") order by t."name")
        from "McpTool" t where t."serverId" = s."id" and t."state" <> 'removed'), '[]') as tools
      from "McpServer" s`,
    db.$queryRaw<FleetPerson[]>`${asTheyWere(past, ['Person'])}select "id", "name", "email", "active" from "Person"`,
    db.$queryRaw<
      { id: string; name: string; versions: string[] }[]
    >`${asTheyWere(past, ['Template', 'TemplateVersion'])}select t."id", t."name",
      array(select v."version" from "TemplateVersion" v where v."templateId" = t."id") as versions from "Template" t`,
    db.$queryRaw<{ table: AccessTable }[]>(accessTableSql(past)),
  ])
  return {
    teams: byId(teams),
    servers: byId(servers),
    people: byId(people),
    templates: new Map(
      templates.map(({ id, name, versions }) => [
        id,
        { name, latest: versions.toSorted(compareVersions).at(-1) ?? null },
      ]),
    ),
    guardrails: new Guardrails(guardrails[0]?.table ?? null),
  }
}

/** What the enforced policies keep out of reach, as it was written down before they were enforced; at an instant, those that were enforced then. */
export function accessTableSql(past: Date | null = null): Prisma.Sql {
  const enforced = past
    ? Prisma.sql`${enforcedThenSql(past)}`
    : Prisma.sql`select "version" from "PolicySet" where "state" = 'enforced'`
  return Prisma.sql`select a."table" from (${enforced}) s
    join "PolicyAccess" a on a."version" = s."version" || ${`:${accessTableFormat}`}`
}

/** `past`: as it was at `now`. */
type Since = { since: Date; now: Date; past?: boolean }

/** Every agent, a batch at a time. */
export async function* loadAgents(db: Tx, about: Since): AsyncGenerator<FleetAgent[], void, void> {
  const figures = await loadFigures(db, about)
  for (let after = ''; ;) {
    const [row] = await db.$queryRaw<{ agents: Unmeasured[] }[]>(batchSql(after, about))
    const agents = row?.agents ?? []
    if (agents.length > 0) yield agents.map((agent) => measured(agent, figures))
    if (agents.length < batchSize) return
    after = agents.at(-1)!.id
  }
}

/** Every agent as it was at `about.now`, a batch at a time. */
export async function* loadPastAgents(db: Tx, about: Since): AsyncGenerator<FleetAgent[], void, void> {
  const figures = await loadFigures(db, { since: about.since, until: about.now })
  const ids = await agentsEver(db)
  for (let from = 0; from < ids.length; from += batchSize) {
    const batch = await loadEntriesById(db, ids.slice(from, from + batchSize), { ...about, past: true })
    yield batch.map((agent) => measured(agent, figures))
  }
}

type Unmeasured = Omit<FleetAgent, keyof FleetFigures>

function measured(agent: Unmeasured, figures: ReadonlyMap<string, FleetFigures>): FleetAgent {
  return { ...agent, ...(figures.get(agent.id) ?? noFigures) }
}

/** The agents with these ids that exist. */
export async function loadAgentsById(db: Tx, ids: readonly string[], about: Since): Promise<FleetAgent[]> {
  const [row] = await db.$queryRaw<{ agents: FleetAgent[] }[]>(byIdSql(ids, { ...about, withFigures: true }))
  return row?.agents ?? []
}

/** The same for who knows their figures: those are most of what would be read. */
export async function loadEntriesById(db: Tx, ids: readonly string[], about: Since): Promise<Unmeasured[]> {
  const [row] = await db.$queryRaw<{ agents: Unmeasured[] }[]>(byIdSql(ids, { ...about, withFigures: false }))
  return row?.agents ?? []
}

export function byIdSql(ids: readonly string[], about: Since & { withFigures: boolean }): Prisma.Sql {
  const agents = { table: 'Agent', where: Prisma.sql`e."key" = any(${ids})`, columns: agentColumns } as const
  const grants = { table: 'Grant', where: Prisma.sql`e."parent" = any(${ids})`, columns: grantColumns } as const
  const before = withAsTheyWere(about.past ? about.now : null, [agents, grants])
  return Prisma.sql`${before}picked as materialized (select * from "Agent" where "id" = any(${ids})) ${agentsSql(about)}`
}

/** What is asked of the tables below, where it is read from the records. */
const agentColumns = {
  id: 'text', name: 'text', purpose: 'text', ownerTeamId: 'text', accountablePersonId: 'text', tier: 'text', status: 'text', schedule: 'text',
  currentVersion: 'integer', lastReviewedAt: 'timestamptz(3)', nextReviewAt: 'timestamptz(3)', createdAt: 'timestamptz(3)', demo: 'boolean',
} // prettier-ignore
const grantColumns = {
  id: 'text', agentId: 'text', serverId: 'text', class: '"ToolClass"', toolName: 'text', via: 'text', conditions: 'jsonb',
  expiresAt: 'timestamptz(3)', revokedAt: 'timestamptz(3)',
} // prettier-ignore

/** By `collate "C"`: the order in which the index of the key is kept. */
function batchSql(after: string, about: Since): Prisma.Sql {
  return Prisma.sql`with picked as materialized (select * from "Agent" where "id" > ${after} order by "id" limit ${batchSize}) ${agentsSql({ ...about, withFigures: false })}`
}

function agentsSql({ since, now, past, withFigures }: Since & { withFigures: boolean }): Prisma.Sql {
  const inWindow = Prisma.sql`d."day" >= ${dayOf(since)}::text::date`
  // Measurements are by UTC day: the instant's own day counts as a whole.
  const until = past ? Prisma.sql` and d."day" <= ${dayOf(now)}::text::date` : Prisma.empty
  const figures = Prisma.sql`, 'runs', coalesce(m.runs, 0), 'escalatedRuns', coalesce(m.escalated, 0), 'cost', coalesce(m.cost, 0),
      'unpriced', coalesce(m.unpriced, 0), 'lastRunDay', ${ms('m."lastRunDay"::timestamp')}`
  const joinFigures = Prisma.sql`left join lateral (select ${figureColumns(inWindow)} from "AgentDay" d where d."agentId" = a."id"${until}) m on true`
  // A table as it was has no index, so its grants are grouped once instead of looked up for each agent.
  const grants = Prisma.sql`select g."agentId", json_agg(json_build_object('serverId', g."serverId", 'class', g."class",
      'toolName', g."toolName", 'breakGlass', g."via" = 'break_glass', 'conditional', g."conditions" <> '[]', 'expiresAt', ${ms('g."expiresAt"')})
      order by g."serverId" collate "C", g."class", g."toolName" collate "C" nulls first, g."id") as grants
    from "Grant" g where g."revokedAt" is null and (g."expiresAt" is null or g."expiresAt" > ${now})`
  return Prisma.sql`select coalesce(json_agg(json_build_object(
      'id', a."id", 'name', a."name", 'purpose', a."purpose", 'ownerTeamId', a."ownerTeamId", 'personId', a."accountablePersonId",
      'tier', a."tier", 'status', a."status", 'version', a."currentVersion", 'templateId', coalesce(v."templateId", ''),
      'templateVersion', coalesce(v."templateVersion", ''), 'model', coalesce(v."rendered"->>'model', ''), 'schedule', a."schedule",
      'lastReviewedAt', ${ms('a."lastReviewedAt"')}, 'nextReviewAt', ${ms('a."nextReviewAt"')}, 'createdAt', ${ms('a."createdAt"')},
      'demo', a."demo", 'grants', coalesce(g.grants, '[]')${withFigures ? figures : Prisma.empty}
    ) order by a."id"), '[]') as agents
    from picked a
    left join "AgentVersion" v on v."agentId" = a."id" and v."version" = a."currentVersion"
    ${withFigures ? joinFigures : Prisma.empty}
    ${past ? Prisma.sql`left join (${grants} group by g."agentId") g on g."agentId" = a."id"` : Prisma.sql`left join lateral (${grants} and g."agentId" = a."id" group by g."agentId") g on true`}`
}

/** Milliseconds since 1970 of a timestamp; the columns hold no finer ones. */
function ms(column: string): Prisma.Sql {
  return Prisma.raw(`(extract(epoch from ${column}) * 1000)::bigint`)
}

function byId<T extends { id: string }>(rows: readonly T[]): Map<string, T> {
  return new Map(rows.map((row) => [row.id, row]))
}
