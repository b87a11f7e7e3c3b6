import { expect } from 'vitest'
import pg from 'pg'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makeTeam, makeTemplate } from '#lib/dev/test/fleet.ts'
import { enforcePolicies, forbids, permits, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { keepAccessTable } from '#lib/guardrails/commands.ts'
import { policySchema } from '#lib/guardrails/queries.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import { matchingAgentIds } from '#lib/registry/queries.ts'
import { capabilities, grantName } from '#lib/registry/schema/capabilities.ts'
import { environments, sensitivities, tiers, toolClasses, toolStates } from '#lib/registry/schema.ts'
import { loadAll } from './load.ts'
import { BrokerView } from './view.ts'

const now = new Date('2026-11-25T10:00:00Z')

dbTest(
  'the catalog says that an agent reaches a tool exactly when the broker would let it call',
  async ({ db, databaseUrl }) => {
    const random = randomNumbers(7)
    const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!
    const teams = await Promise.all(['reach-a', 'reach-b', 'reach-c'].map((id) => makeTeam(db, { id })))
    const servers = await Promise.all(
      Array.from({ length: 8 }, (_, at) => {
        const tools = Object.fromEntries(toolClasses.flatMap((toolClass) => ['x', 'y'].map((name) => [`${toolClass}-${name}`, { class: toolClass, state: one([...toolStates, 'approved', 'approved'] as const) }]))) // prettier-ignore
        return makeServer(db, { id: `reach-${at}`, environment: one(environments), sensitivity: one(sensitivities), status: at === 3 ? 'disabled' : 'active', tools }) // prettier-ignore
      }),
    )
    const templates = await Promise.all(['reach-t1', 'reach-t2'].map((id) => makeTemplate(db, { id })))
    const agents: string[] = []
    for (let at = 0; at < 40; at += 1) {
      const { id } = await makeAgent(db, { id: `reach-agent-${at}`, ownerTeamId: one(teams), tier: one(tiers), templateId: one(templates) }) // prettier-ignore
      agents.push(id)
      for (let grant = 0; grant < 9; grant += 1) {
        await makeGrant(db, {
          agentId: id,
          serverId: one(servers),
          class: one(toolClasses),
          toolName: one([null, null, 'read-x', 'write-y', 'destructive-x', 'gone', ...capabilities.map(grantName)]),
          conditions: one([[], [], [{ pointer: '/city', equals: 'Oslo' }]]),
          via: one(['request', 'request', 'break_glass']),
          expiresAt: one([null, new Date(now.getTime() + 1), now, new Date(now.getTime() - 1)]),
          revokedAt: one([null, null, null, now]),
        })
      }
    }
    const stops = [['team', teams[1]!], ['agent', agents[0]!], ['server', servers[5]!], ['tool', `${servers[6]!}/read-x`]] as const // prettier-ignore
    for (const [scope, targetId] of stops)
      await db.stopOrder.create({ data: { scope, targetId, reason: 'a test', orderedByName: 'Ada' } })

    const ctx = ctxFor(db, undefined, now)
    let besidesTools = 0
    /** How many times an agent reaches a tool; what both say is compared for every one. */
    const compare = async (what: string): Promise<number> => {
      const view = new BrokerView()
      const client = new pg.Client({ connectionString: databaseUrl })
      await client.connect()
      await loadAll(client, view)
      await client.end()
      let reached = 0
      for (const server of view.servers.values()) {
        for (const tool of server.tools.values()) {
          const calls = { serverId: server.id, tool: tool.name }
          const allowed = [...view.agents.keys()].filter(
            (agentId) => decide({ caller: { agentId, version: 1, runId: null }, ...calls }, view, now).ok,
          )
          const found = await matchingAgentIds(ctx, { q: `server:${server.id} tool:${tool.name} can:${tool.class}` })
          expect({ what, ...calls, found }).toEqual({ what, ...calls, found: allowed.toSorted() })
          reached += allowed.length
        }
        for (const besides of capabilities) {
          const name = grantName(besides)
          const mayOne = (agentId: string, tool: string) =>
            decide(
              { caller: { agentId, version: 1, runId: null }, serverId: server.id, tool, isMethod: true },
              view,
              now,
            ).ok
          const allowed = [...view.agents.keys()].filter((id) => besides.methods.some((method) => mayOne(id, method)))
          const found = await matchingAgentIds(ctx, { q: `server:${server.id} tool:${name} can:read` })
          expect({ what, server: server.id, name, found }).toEqual({ what, server: server.id, name, found: allowed.toSorted() }) // prettier-ignore
          besidesTools += allowed.length
        }
      }
      return reached
    }
    const usual = await compare('the policies of the release')
    expect(besidesTools).toBeGreaterThan(30)
    expect(usual).toBeGreaterThan(30)

    const named = [
      forbids('policy_team', 'principal in Wheelhouse::Team::"reach-a" && resource.class != "read"'),
      forbids(
        'policy_agent',
        'principal == Wheelhouse::Agent::"reach-agent-5" || principal == Wheelhouse::Agent::"reach-agent-6"',
      ),
      forbids(
        'policy_template',
        'principal in Wheelhouse::Template::"reach-t1" && resource in Wheelhouse::Server::"reach-1"',
      ),
      forbids('policy_tool', 'resource == Wheelhouse::Tool::"reach-2/read-x" && principal.tier != "high"'),
      forbids('policy_asking', 'resource == Wheelhouse::Tool::"reach-4/sampling/createMessage"'),
      forbids('policy_reading', 'resource == Wheelhouse::Tool::"reach-4/resources/read"'),
    ]
    const sets: Record<string, string[]> = {
      'policies that name teams, agents, templates, servers and tools': [permitsGranted, ...named],
      'policies that permit only some': [
        permits(
          'permit_some',
          'principal in Wheelhouse::Team::"reach-b" || resource.server.environment != "production"',
        ),
      ],
      'a time at which nothing is changed': [
        permitsGranted,
        forbids('policy_night', 'context.hour < 6 && resource.class == "write"'),
      ],
      'no policy at all': [],
    }
    const counts: Record<string, number> = {}
    for (const [what, policies] of Object.entries(sets)) {
      const { version } = await enforcePolicies(db, policies)
      await keepAccessTable(ctx, { version, policies, schema: policySchema })
      counts[what] = await compare(what)
      if (policies.length < 3) continue
      // Groups follow the agents that are in them.
      await db.agent.update({ where: { id: 'reach-agent-5' }, data: { tier: 'high', ownerTeamId: teams[2]! } })
      await db.agent.update({ where: { id: 'reach-agent-7' }, data: { ownerTeamId: teams[0]! } })
      counts[`${what}, later`] = await compare(`${what}, later`)
    }
    const [some, later, few, night, none] = Object.values(counts)
    expect(some).toBeLessThan(usual)
    for (const count of [some, later, few, night]) expect(count).toBeGreaterThan(10)
    expect(none).toBe(0)
    // Nothing is known of a set: then nothing is said to be within reach.
    await enforcePolicies(db, [permitsGranted])
    expect(await matchingAgentIds(ctx, { q: 'can:read' })).toEqual([])

    await db.stopOrder.create({
      data: { scope: 'organization', targetId: 'organization', reason: 'a test', orderedByName: 'Ada' },
    })
    expect(await matchingAgentIds(ctx, { q: 'can:read' })).toEqual([])
  },
)

/** Numbers from 0 to 1 that are the same every time (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
