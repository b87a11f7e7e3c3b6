import { type Actor, type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { permissionsOf, type Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'

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

type AgentOptions = Partial<Prisma.AgentUncheckedCreateInput> & {
  rendered?: Prisma.InputJsonObject
  /** Which agent version at Claude runs version 1; null: not provisioned yet. */
  claude?: { claudeAgentId: string; claudeVersion: number } | null
}

/** A registered agent with its first version: active and provisioned unless told otherwise. */
export async function makeAgent(db: Db, options: AgentOptions = {}): Promise<{ id: string; teamId: string }> {
  const { rendered, claude, ...agent } = options
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
      templateId: 'test-template',
      templateVersion: '1.0.0',
      layer: { prompt: '', parameters: {} },
      rendered: rendered ?? { model: 'claude-sonnet-5-5', system: 'Be tested.', tools: [], mcpServers: [], limits: {} },
      digest: crypto.randomUUID().replaceAll('-', ''),
    },
  })
  if (claude !== null) {
    const binding = claude ?? { claudeAgentId: `agent_${id}`, claudeVersion: 1 }
    await db.claudeBinding.create({ data: { agentId: id, version: 1, ...binding } })
  }
  return { id, teamId }
}

/** The events of the audit log that name a subject or an agent, oldest first. */
export async function auditOf(db: Db, id: string): Promise<{ event: string; rule: string | null; detail: unknown }[]> {
  return db.auditEvent.findMany({
    where: { OR: [{ subjectId: id }, { agentId: id }, { runId: /^[0-9a-f-]{36}$/.test(id) ? id : undefined }] },
    orderBy: { seq: 'asc' },
    select: { event: true, rule: true, detail: true },
  })
}
