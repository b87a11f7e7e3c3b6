import type { Db } from '#lib/db/client.ts'
import {
  agentStatuses,
  dataClasses,
  environments,
  sensitivities,
  tiers,
  toolClasses,
  toolStates,
} from '#lib/registry/schema.ts'
import { makeAgent, makePerson, makeTeam } from './fleet.ts'
import { makeGrant, makeServer, makeTemplate } from './registry.ts'

// A small fleet, and every kind of change of what its agents can be found by.

/** The time it is made for: measurements and reviews lie around it. */
export const fleetNow = new Date('2026-11-25T10:00:00Z')
export const fleetTeams = ['team-a', 'team-b', 'team-c']
export const fleetServers = ['erp', 'crm', 'billing']
const versions = ['1.0.0', '1.2.0', '2.0.0']

/** Names that queries ask for, some of which nothing has. */
export const fleetNames = {
  owner: [...fleetTeams, 'team team-a', 'nobody'],
  server: [...fleetServers, 'server erp'],
  tool: ['look', 'change', 'wipe', 'erp/change'],
  template: ['reconciler', 'triage', 'unknown'],
  version: ['1', '1.2.0', '2.0'],
  model: ['opus', 'sonnet', 'claude', 'claude-sonnet-5', 'claude-sonnet-5-5'],
  sponsor: ['none', 'ada', 'bob'],
  word: ['agent', 'invoice', 'a', 'äß', '7', 'ice re', 'zz'],
}

/** One change of what an agent can be found by; which one and of what is drawn at random. */
type Change = (db: Db, pick: (max: number) => number) => Promise<unknown>

export const dayBefore = (back: number) => new Date(Date.parse('2026-11-25T00:00:00Z') - back * 86_400_000)
const agentId = (pick: (max: number) => number) => `agent-${pick(agentCount)}`
export const agentCount = 12

export const fleetChanges: readonly Change[] = [
  (db, pick) => db.agent.update({ where: { id: agentId(pick) }, data: { status: agentStatuses[pick(4)]! } }),
  (db, pick) =>
    db.agent.update({
      where: { id: agentId(pick) },
      data: { tier: tiers[pick(3)]!, ownerTeamId: fleetTeams[pick(3)]! },
    }),
  (db, pick) =>
    db.agent.update({
      where: { id: agentId(pick) },
      data: { name: ['Invoice reader', 'Äß 7', 'Ticket triage'][pick(3)]! },
    }),
  (db, pick) =>
    db.agent.update({
      where: { id: agentId(pick) },
      data: {
        lastReviewedAt: pick(2) ? dayBefore(pick(100)) : null,
        nextReviewAt: pick(3) ? dayBefore(pick(60) - 30) : null,
      },
    }),
  (db, pick) =>
    makeGrant(db, {
      agentId: agentId(pick),
      serverId: fleetServers[pick(3)]!,
      class: toolClasses[pick(3)]!,
      toolName: [null, null, 'look', 'change', 'gone'][pick(5)]!,
      via: pick(4) ? 'request' : 'break_glass',
      expiresAt: [null, dayBefore(1), new Date(fleetNow.getTime() + 1), dayBefore(-9)][pick(4)]!,
    }),
  (db, pick) =>
    db.grant.updateMany({ where: { agentId: agentId(pick) }, data: { revokedAt: pick(2) ? fleetNow : null } }),
  (db, pick) =>
    db.mcpServer.update({ where: { id: fleetServers[pick(3)]! }, data: { status: pick(3) ? 'active' : 'disabled' } }),
  (db, pick) =>
    db.mcpServer.update({
      where: { id: fleetServers[pick(3)]! },
      data: {
        environment: environments[pick(3)]!,
        sensitivity: sensitivities[pick(4)]!,
        dataClasses: dataClasses.filter(() => pick(2) === 0),
      },
    }),
  (db, pick) =>
    db.mcpTool.updateMany({
      where: { serverId: fleetServers[pick(3)]!, name: ['look', 'change', 'wipe'][pick(3)]! },
      data: { state: toolStates[pick(3)]! },
    }),
  (db, pick) => {
    const id = agentId(pick)
    const at = dayBefore(pick(40))
    const figures = { runs: pick(9), escalatedRuns: pick(2), costMicros: BigInt(pick(9)) * 500_000n }
    return db.agentDay.upsert({
      where: { agentId_day: { agentId: id, day: at } },
      create: { agentId: id, day: at, ...figures },
      update: figures,
    })
  },
  async (db, pick) => {
    const id = agentId(pick)
    const { currentVersion } = await db.agent.findUniqueOrThrow({ where: { id } })
    const version = currentVersion + 1
    await db.agentVersion.create({
      data: {
        agentId: id, version, templateId: ['reconciler', 'triage'][pick(2)]!, templateVersion: versions[pick(3)]!, layer: {},
        rendered: { model: ['claude-opus-5', 'claude-sonnet-5', 'claude-sonnet-5-5'][pick(3)]! }, digest: crypto.randomUUID(),
      },
    }) // prettier-ignore
    await db.agent.update({ where: { id }, data: { currentVersion: version } })
  },
  (db, pick) => db.person.updateMany({ where: { name: ['Ada', 'Bob'][pick(2)]! }, data: { active: pick(2) === 0 } }),
  (db, pick) => db.team.update({ where: { id: fleetTeams[pick(3)]! }, data: { name: `Team ${fleetTeams[pick(3)]!}` } }),
  (db, pick) => {
    const [scope, targetId] = ([['agent', agentId(pick)], ['team', fleetTeams[pick(3)]!], ['server', fleetServers[pick(3)]!], ['tool', `${fleetServers[pick(3)]!}/change`]] as const)[pick(4)]! // prettier-ignore
    return db.stopOrder.createMany({
      data: [{ scope, targetId, reason: 'a test', orderedByName: 'Ada' }],
      skipDuplicates: true,
    })
  },
  (db, pick) =>
    db.stopOrder.updateMany({
      where: { scope: ['agent', 'team', 'server', 'tool'][pick(4)]! as 'agent' },
      data: { releasedAt: fleetNow },
    }),
]

/** Makes it unless it is there. */
export async function makeFleet(db: Db): Promise<void> {
  if (await db.team.findUnique({ where: { id: fleetTeams[0]! } })) return
  for (const id of fleetTeams) await makeTeam(db, { id })
  for (const id of fleetServers) {
    const isErp = id === 'erp'
    await makeServer(db, { id, environment: isErp ? 'production' : 'staging', dataClasses: isErp ? ['personal'] : [] })
  }
  for (const id of ['reconciler', 'triage']) for (const version of versions) await makeTemplate(db, { id, version })
  const people = await Promise.all(['Ada', 'Bob'].map((name) => makePerson(db, { name, teamIds: [fleetTeams[0]!] })))
  for (let at = 0; at < agentCount; at += 1) {
    const id = `agent-${at}`
    await makeAgent(db, {
      id,
      ownerTeamId: fleetTeams[at % 3]!,
      accountablePersonId: people[at % 2]!.id,
      templateId: 'reconciler',
      createdAt: dayBefore(at * 5),
    })
    await makeGrant(db, { agentId: id, serverId: fleetServers[at % 3]!, class: toolClasses[at % 3]! })
  }
}
