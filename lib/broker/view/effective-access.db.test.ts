import { expect } from 'vitest'
import pg from 'pg'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { decide } from '#lib/guardrails/rules/decide.ts'
import { matchingAgentIds } from '#lib/registry/queries.ts'
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
    const agents: string[] = []
    for (let at = 0; at < 40; at += 1) {
      const { id } = await makeAgent(db, { id: `reach-agent-${at}`, ownerTeamId: one(teams), tier: one(tiers) })
      agents.push(id)
      for (let grant = 0; grant < 9; grant += 1) {
        await makeGrant(db, {
          agentId: id,
          serverId: one(servers),
          class: one(toolClasses),
          toolName: one([null, null, 'read-x', 'write-y', 'destructive-x', 'gone']),
          via: one(['request', 'request', 'break_glass']),
          expiresAt: one([null, new Date(now.getTime() + 1), now, new Date(now.getTime() - 1)]),
          revokedAt: one([null, null, null, now]),
        })
      }
    }
    const stops = [['team', teams[1]!], ['agent', agents[0]!], ['server', servers[5]!], ['tool', `${servers[6]!}/read-x`]] as const // prettier-ignore
    for (const [scope, targetId] of stops)
      await db.stopOrder.create({ data: { scope, targetId, reason: 'a test', orderedByName: 'Ada' } })

    const view = new BrokerView()
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    await loadAll(client, view)
    await client.end()
    const ctx = ctxFor(db, undefined, now)
    let reached = 0
    for (const server of view.servers.values()) {
      for (const tool of server.tools.values()) {
        const allowed = [...view.agents.keys()].filter(
          (agentId) =>
            decide({ caller: { agentId, version: 1, runId: null }, serverId: server.id, tool: tool.name }, view, now)
              .ok,
        )
        const found = await matchingAgentIds(ctx, { q: `server:${server.id} tool:${tool.name} can:${tool.class}` })
        expect({ tool: `${server.id}/${tool.name}`, found }).toEqual({
          tool: `${server.id}/${tool.name}`,
          found: allowed.toSorted(),
        })
        reached += allowed.length
      }
    }
    expect(reached).toBeGreaterThan(30)
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
