import { type Actor, type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { permissionsOf, type Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import type { RenderedAgent } from '#lib/templates/schema.ts'

type PersonActor = Extract<Actor, { kind: 'person' }>

/** A context at a fixed time; without an actor one of our own processes. */
export function ctxFor(db: Db, actor: Actor = systemActor('test'), now: Date = new Date()): Ctx {
  return { db, actor, now }
}

/** A person with roles in teams, as a row and as an actor. */
export async function makePerson(
  db: Db,
  options: { roles?: readonly Role[]; teamIds?: readonly string[]; name?: string } = {},
): Promise<PersonActor> {
  const name = options.name ?? `Person ${crypto.randomUUID().slice(0, 8)}`
  const roles = options.roles ?? ['builder']
  const teamIds = options.teamIds ?? []
  const row = await db.person.create({
    data: {
      name,
      email: `${crypto.randomUUID()}@example.test`,
      roles: { create: roles.map((role) => ({ role, source: 'local' })) },
      memberships: { create: teamIds.map((teamId) => ({ teamId })) },
    },
  })
  return { kind: 'person', id: row.id, name, email: row.email, roles, teamIds, permissions: permissionsOf(roles) }
}

export async function makeTeam(db: Db, options: { id?: string; costCenter?: string } = {}): Promise<string> {
  const id = options.id ?? `team-${crypto.randomUUID().slice(0, 8)}`
  await db.team.create({ data: { id, name: `Team ${id}`, costCenter: options.costCenter ?? null } })
  return id
}

/** A published template that needs these scopes; without any, agents on it need none. */
export async function makeTemplate(
  db: Db,
  options: { id?: string; scopes?: { server: string; class: string; required: boolean }[] } = {},
): Promise<string> {
  const id = options.id ?? `template-${crypto.randomUUID().slice(0, 8)}`
  const manifest = { id, version: '1.0.0', scopes: options.scopes ?? [], firstRun: { input: 'Do the test.' } }
  await db.template.createMany({ data: [{ id, name: id, summary: '' }], skipDuplicates: true })
  await db.templateVersion.createMany({
    data: [{ templateId: id, version: '1.0.0', manifest, prompt: '', changelog: '', evals: [], digest: id }],
    skipDuplicates: true,
  })
  return id
}

type AgentOptions = Partial<Prisma.AgentUncheckedCreateInput> & {
  templateId?: string
  rendered?: RenderedAgent
  /** Which agent version at Claude runs version 1; null: not provisioned yet. */
  claude?: { claudeAgentId: string; claudeVersion: number } | null
}

/** A registered agent with its first version: active and provisioned unless told otherwise. */
export async function makeAgent(db: Db, options: AgentOptions = {}): Promise<{ id: string; teamId: string }> {
  const { rendered, claude, templateId, ...agent } = options
  const id = agent.id ?? `agent-${crypto.randomUUID().slice(0, 8)}`
  const teamId = agent.ownerTeamId ?? (await makeTeam(db))
  const personId = agent.accountablePersonId ?? (await makePerson(db, { teamIds: [teamId] })).id
  await db.agent.create({
    data: {
      name: `Agent ${id}`,
      purpose: 'to be tested',
      tier: 'low',
      status: 'active',
      currentVersion: 1,
      ...agent,
      id,
      ownerTeamId: teamId,
      accountablePersonId: personId,
    },
  })
  await db.agentVersion.create({
    data: {
      agentId: id,
      version: 1,
      templateId: templateId ?? (await makeTemplate(db, { id: 'test-template' })),
      templateVersion: '1.0.0',
      layer: { prompt: '', parameters: {} },
      rendered: (rendered ?? testRendered()) as Prisma.InputJsonObject,
      digest: crypto.randomUUID().replaceAll('-', ''),
    },
  })
  if (claude !== null) {
    const binding = claude ?? { claudeAgentId: `agent_${id}`, claudeVersion: 1 }
    await db.claudeBinding.create({ data: { agentId: id, version: 1, ...binding } })
  }
  return { id, teamId }
}

/** What a version renders to: no servers and the escalate tool, with limits that no test reaches by accident. */
export function testRendered(changes: Partial<RenderedAgent> = {}): RenderedAgent {
  const sandbox = { memoryMb: 256, cpus: 1, processes: 64, diskMb: 64, commandSeconds: 30 }
  return {
    system: 'Be tested.',
    model: 'claude-sonnet-5-5',
    tools: [
      {
        type: 'custom',
        name: 'escalate',
        description: 'Tells a person.',
        input_schema: { type: 'object', properties: { title: { type: 'string' } } },
      },
    ],
    mcpServers: [],
    limits: { turnsMax: 50, deadlineMinutes: 30, runBudgetMicros: 5_000_000, sandbox },
    ...changes,
  }
}

/** The events of the audit log that name a subject or an agent, oldest first. */
export async function auditOf(db: Db, id: string): Promise<{ event: string; rule: string | null; detail: unknown }[]> {
  return db.auditEvent.findMany({
    where: { OR: [{ subjectId: id }, { agentId: id }, { runId: /^[0-9a-f-]{36}$/.test(id) ? id : undefined }] },
    orderBy: { seq: 'asc' },
    select: { event: true, rule: true, detail: true },
  })
}
