import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { getServer, listServerHolders, listServers } from './queries.ts'
import { holdersShown } from './queries/server-holders.ts'

const now = new Date('2026-11-22T10:00:00Z')

/** A server on which a few more hold something than are told at once. */
async function makeCrowd(db: Db, count: number) {
  const serverId = await makeServer(db)
  const ownerTeamId = await makeTeam(db)
  const { id: accountablePersonId } = await makePerson(db)
  const agents: string[] = []
  const classes = ['read', 'write', 'destructive'] as const
  for (let at = 0; at < count; at += 1) {
    const { id } = await makeAgent(db, { ownerTeamId, accountablePersonId, claude: null })
    await makeGrant(db, { agentId: id, serverId, class: classes[at % 3]! })
    agents.push(id)
  }
  return { serverId, agents }
}

dbTest('who holds what is told a page at a time, the widest first, each once, with how many', async ({ db }) => {
  const { serverId, agents } = await makeCrowd(db, holdersShown + 5)
  // One agent twice, by a grant of one tool.
  await makeGrant(db, { agentId: agents[0]!, serverId, class: 'destructive', toolName: 'wipe' })
  const ctx = ctxFor(db, await makePerson(db), now)
  const server = await getServer(ctx, serverId)
  const total = agents.length + 1
  expect([server.holders.length, server.holdersTotal, server.agents]).toEqual([holdersShown, total, agents.length])
  const walked: string[] = []
  const classes: string[] = []
  let cursor: string | undefined
  do {
    const page = await listServerHolders(ctx, { serverId, limit: 7, cursor })
    expect(page.total).toBe(total - (walked.length > 0 ? 1 : 0))
    walked.push(...page.items.map(({ grantId }) => grantId))
    classes.push(...page.items.map((holder) => holder.class))
    // The last of a page is revoked meanwhile: the next page goes on from its place all the same.
    if (cursor === undefined) await db.grant.update({ where: { id: walked.at(-1)! }, data: { revokedAt: now } })
    cursor = page.nextCursor ?? undefined
  } while (cursor)
  expect([walked.length, new Set(walked).size]).toEqual([total, total])
  expect(walked.slice(0, 7)).toEqual(server.holders.slice(0, 7).map(({ grantId }) => grantId))
  const rank = ['destructive', 'write', 'read']
  expect(classes).toEqual(classes.toSorted((a, b) => rank.indexOf(a) - rank.indexOf(b)))
  for (const wrong of ['nothing', crypto.randomUUID()]) {
    await expect(listServerHolders(ctx, { serverId, cursor: wrong })).rejects.toMatchObject({
      code: 'invalid',
      details: { field: 'cursor' },
    })
  }
  await expect(listServerHolders(ctx, { serverId: 'nowhere' })).rejects.toMatchObject({ code: 'not_found' })
  const agent = ctxFor(db, { kind: 'agent', id: agents[0]!, name: 'x' })
  await expect(listServerHolders(agent, { serverId })).rejects.toMatchObject({ code: 'forbidden' })
})

dbTest('how many agents hold something is counted of grants in force, and once for each agent', async ({ db }) => {
  const serverId = await makeServer(db, { id: 'counted-server' })
  const off = await makeServer(db, { id: 'off-server', status: 'disabled' })
  const [both, one, resources, conditional, expired, unapproved] = await Promise.all(
    Array.from({ length: 6 }, async () => (await makeAgent(db)).id),
  )
  const give = (agentId: string, more: Partial<Parameters<typeof makeGrant>[1]> = {}) =>
    makeGrant(db, { agentId, serverId, class: 'read', ...more })
  await give(both!)
  await give(both!, { class: 'write' })
  await give(one!, { toolName: 'look' })
  await give(resources!, { toolName: 'method:resources' })
  await db.grant.update({
    where: { id: await give(conditional!) },
    data: { conditions: [{ pointer: '/currency', equals: 'EUR' }] },
  })
  await give(expired!, { expiresAt: now })
  await give(unapproved!, { toolName: 'unseen' })
  await give(both!, { serverId: off })
  const ctx = ctxFor(db, undefined, now)
  const server = await getServer(ctx, serverId)
  expect([server.agents, server.holdersTotal]).toEqual([4, 5])
  const besides = Object.fromEntries(server.besidesTools.map(({ name, agents }) => [name, agents]))
  expect(besides).toMatchObject({ resources: 2, 'sampling/createMessage': 0 })
  const counts = new Map((await listServers(ctx)).map((row) => [row.id, row.agents]))
  expect([counts.get(serverId), counts.get(off)]).toEqual([4, 0])
})
