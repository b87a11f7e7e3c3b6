import pg from 'pg'
import { copyRows, type CopyValue } from './copy.ts'
import {
  daysBefore,
  fleetUuid,
  type LargeAgent,
  largePeople,
  largeServers,
  largeTeams,
  largeTemplates,
  planLargeAgent,
} from './plan.ts'

export type LargeOutcome = { agents: number; grants: number; days: number; seconds: number }
type Options = { databaseUrl: string; agents: number; seed: number; now: Date; onProgress?: (said: string) => void }

/** Agents planned at a time: what is held in memory. */
const batchSize = 10_000
/** Tables whose row triggers note each change for those who keep something in memory; here one note says that everything has changed. */
const noting = ['Agent', 'AgentVersion', 'Grant', 'AgentDay'] as const
/** Those of them whose history is kept, here too. */
const kept = ['Agent', 'Grant'] as const

/** Loads a large fleet by COPY in one transaction. Throws if there is one already. */
export async function seedLargeFleet(options: Options): Promise<LargeOutcome> {
  const started = performance.now()
  const client = new pg.Client({ connectionString: options.databaseUrl, application_name: 'wheelhouse-seed-fleet' })
  await client.connect()
  try {
    await client.query('begin')
    const known = await client.query(`select 1 from "Team" where "id" = $1`, [largeTeams[0]!.id])
    if (known.rowCount) throw new Error('There is a large fleet in this database already. Use another database.')
    await seedOrganization(client, options.now)
    for (const table of noting) await client.query(`alter table "${table}" disable trigger user`)
    for (const table of kept) await client.query(`alter table "${table}" enable trigger history_insert`)
    const counts = await seedAgents(client, options)
    for (const table of noting) await client.query(`alter table "${table}" enable trigger user`)
    await client.query(
      `insert into "FleetChange" ("kind", "key", "xid") values ('everything', '', pg_current_xact_id()::text::bigint)`,
    )
    await client.query(
      `insert into "PolicyChange" ("kind", "key", "xid") select 'agent', "id", pg_current_xact_id()::text::bigint from "Agent"`,
    )
    await client.query('commit')
    await client.query('vacuum analyze')
    return { ...counts, seconds: (performance.now() - started) / 1000 }
  } finally {
    await client.end()
  }
}

async function seedOrganization(client: pg.ClientBase, now: Date): Promise<void> {
  await copyRows(
    client,
    'Team',
    ['id', 'name', 'costCenter', 'demo'],
    largeTeams.map(({ id, name, costCenter }) => [id, name, costCenter, true]),
  )
  await copyRows(
    client,
    'Person',
    ['id', 'email', 'name', 'active', 'source', 'demo'],
    largePeople.map(({ id, email, name, active }) => [id, email, name, active, 'demo', true]),
  )
  await copyRows(
    client,
    'PersonRole',
    ['personId', 'role', 'source'],
    largePeople.map(({ id, lead }) => [id, lead ? 'team_lead' : 'builder', 'demo']),
  )
  await copyRows(
    client,
    'TeamMember',
    ['teamId', 'personId', 'lead'],
    largePeople.map(({ id, teamId, lead }) => [teamId, id, lead]),
  )
  await copyRows(
    client,
    'McpServer',
    ['id', 'name', 'description', 'url', 'environment', 'sensitivity', 'dataClasses', 'demo', 'updatedAt'],
    largeServers.map(({ id, name, environment, sensitivity, dataClasses }) => [
      id,
      name,
      'Part of a generated fleet.',
      `http://127.0.0.1:9/${id}`,
      environment,
      sensitivity,
      `{${dataClasses.join(',')}}`,
      true,
      now,
    ]),
  )
  await copyRows(
    client,
    'McpTool',
    ['serverId', 'name', 'description', 'inputSchema', 'annotations', 'class', 'state', 'definitionHash'],
    largeServers.flatMap(({ id, tools }) =>
      tools.map((tool): CopyValue[] => [
        id,
        tool.name,
        tool.name.replace('_', ' '),
        { type: 'object' },
        {},
        tool.class,
        tool.state,
        fleetUuid(`${id} ${tool.name}`),
      ]),
    ),
  )
  await copyRows(
    client,
    'Template',
    ['id', 'name', 'summary', 'updatedAt'],
    largeTemplates.map(({ id, name, verb }) => [id, name, `Agents that ${verb} something.`, now]),
  )
  await copyRows(
    client,
    'TemplateVersion',
    ['templateId', 'version', 'manifest', 'prompt', 'changelog', 'evals', 'digest'],
    largeTemplates.flatMap(
      (template) =>
      template.versions.map((version): CopyValue[] => [
        template.id, version, manifestOf(template, version), 'Do what you are for.\n{{team_layer}}', 'Generated.', [], fleetUuid(`${template.id} ${version}`),
      ]), // prettier-ignore
    ),
  )
}

async function seedAgents(
  client: pg.ClientBase,
  { agents, seed, now, onProgress }: Options,
): Promise<Omit<LargeOutcome, 'seconds'>> {
  const today = new Date(Math.floor(now.getTime() / 86_400_000) * 86_400_000)
  const counts = { agents: 0, grants: 0, days: 0 }
  for (let from = 0; from < agents; from += batchSize) {
    const batch = Array.from({ length: Math.min(batchSize, agents - from) }, (_, at) => planLargeAgent(seed, from + at))
    counts.agents += await copyRows(
      client,
      'Agent',
      agentColumns,
      batch.map((agent) => agentRow(agent, today)),
    )
    await copyRows(
      client,
      'AgentVersion',
      ['agentId', 'version', 'templateId', 'templateVersion', 'layer', 'rendered', 'digest'],
      batch.map(versionRow),
    )
    counts.grants += await copyRows(client, 'Grant', grantColumns, grantRows(batch, now))
    counts.days += await copyRows(client, 'AgentDay', dayColumns, dayRows(batch, today))
    onProgress?.(`${counts.agents} agents, ${counts.days} days`)
  }
  return counts
}

const agentColumns = [
  'id', 'name', 'purpose', 'ownerTeamId', 'accountablePersonId', 'tier', 'status', 'statusReason', 'statusChangedAt', 'currentVersion',
  'lastReviewedAt', 'nextReviewAt', 'createdAt', 'updatedAt', 'demo',
] // prettier-ignore

function agentRow(agent: LargeAgent, today: Date): CopyValue[] {
  const createdAt = daysBefore(today, agent.createdDaysAgo)
  const reviewed = agent.reviewedDaysAgo === null ? null : daysBefore(today, agent.reviewedDaysAgo)
  const reason = agent.status === 'active' ? null : 'Generated so.'
  return [
    agent.id, agent.name, agent.purpose, agent.team.id, agent.personId, agent.tier, agent.status, reason, createdAt, 1,
    reviewed, daysBefore(today, -agent.nextReviewInDays), createdAt, createdAt, true,
  ] // prettier-ignore
}

function versionRow({ id, template, templateVersion }: LargeAgent): CopyValue[] {
  const sandbox = { memoryMb: 256, cpus: 1, processes: 64, diskMb: 64, commandSeconds: 30 }
  const limits = { turnsMax: 20, deadlineMinutes: 10, runBudgetMicros: 1_000_000, sandbox }
  const rendered = { system: 'Do what you are for.', model: template.model, tools: [], mcpServers: [], limits }
  return [
    id,
    1,
    template.id,
    templateVersion,
    { prompt: '', parameters: {} },
    rendered,
    fleetUuid(id).replaceAll('-', ''),
  ]
}

const grantColumns = [
  'id',
  'agentId',
  'serverId',
  'class',
  'toolName',
  'reason',
  'via',
  'createdAt',
  'expiresAt',
  'revokedAt',
]

function* grantRows(agents: readonly LargeAgent[], now: Date): Generator<CopyValue[]> {
  for (const { id, grants } of agents) {
    for (const [at, grant] of grants.entries()) {
      const expires = grant.expiresInDays === null ? null : daysBefore(now, -grant.expiresInDays)
      yield [fleetUuid(`${id} ${at}`), id, grant.server.id, grant.class, grant.toolName, 'Generated.', 'import', daysBefore(now, 60), expires, grant.revoked ? now : null] // prettier-ignore
    }
  }
}

const dayColumns = [
  'agentId', 'day', 'runs', 'succeeded', 'failed', 'escalatedRuns', 'escalations', 'toolCalls', 'inputTokens', 'outputTokens', 'costMicros', 'unpricedRequests',
] // prettier-ignore

function* dayRows(agents: readonly LargeAgent[], today: Date): Generator<CopyValue[]> {
  const isoDays = Array.from({ length: 100 }, (_, ago) => daysBefore(today, ago).toISOString().slice(0, 10))
  for (const { id, days } of agents) {
    for (const day of days) {
      yield [
        id, isoDays[day.daysAgo]!, day.runs, day.runs - day.failed, day.failed, day.escalated, day.escalated, day.runs * 7,
        day.runs * 21_000, day.runs * 1800, day.costMicros, day.unpriced,
      ] // prettier-ignore
    }
  }
}

function manifestOf(template: { id: string; name: string; verb: string; model: string }, version: string) {
  return {
    id: template.id,
    version,
    name: template.name,
    summary: `Agents that ${template.verb} something.`,
    description: 'Part of a generated fleet.',
    model: { tier: 'standard', id: template.model },
    parameters: {},
    sandbox: {
      tools: ['bash'],
      network: 'none',
      limits: { memoryMb: 256, cpus: 1, processes: 64, diskMb: 64, commandSeconds: 30 },
    },
    harness: { turnsMax: 20, deadlineMinutes: 10, runBudgetMicros: 1_000_000 },
    scopes: [],
    firstRun: { input: 'Begin.' },
    suggestedSchedule: null,
  }
}
