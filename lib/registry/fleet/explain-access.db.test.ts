import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makeTeam } from '#lib/dev/test/fleet.ts'
import { instant } from '#lib/dev/test/instant.ts'
import { enforcePolicies, forbids, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { keepAccessTable } from '#lib/guardrails/commands.ts'
import { policySchema } from '#lib/guardrails/queries.ts'
import { explainAgentQuery } from '../queries.ts'

const minuteMs = 60_000
const before = () => new Date(Date.now() - minuteMs)
const because = async (db: Db, asked: { agentId: string; q: string; asOf?: string }) => {
  const { matches, parts } = await explainAgentQuery(ctxFor(db), asked)
  return { matches, says: parts.map((part) => part.because).join(' | ') }
}

async function makeHolder(db: Db): Promise<string> {
  const { id } = await makeAgent(db, { ownerTeamId: await makeTeam(db) })
  return id
}

dbTest('a grant that expired is named with when, where what was asked is what it was for', async ({ db }) => {
  const [agentId, erp, crm] = [await makeHolder(db), await makeServer(db), await makeServer(db)]
  const expiresAt = before()
  await makeGrant(db, { agentId, serverId: erp, class: 'write', createdAt: new Date(0), expiresAt })
  await makeGrant(db, { agentId, serverId: crm, class: 'read' })
  const says = `no grant that it holds covers such a tool; its grant of ${erp}: write expired on ${expiresAt.toISOString()}`
  expect(await because(db, { agentId, q: `can:write server:${erp}` })).toEqual({ matches: false, says })
  // It was for nothing of this.
  for (const q of ['can:destructive', `can:write server:${crm}`, 'data:health', 'tool:unheard'])
    expect(await because(db, { agentId, q })).toEqual({
      matches: false,
      says: 'no grant that it holds covers such a tool',
    })
})

dbTest('a grant that was revoked is named with when, and at an instant before it was not', async ({ db }) => {
  const [agentId, erp] = [await makeHolder(db), await makeServer(db)]
  const grant = await makeGrant(db, { agentId, serverId: erp, class: 'write', toolName: 'change' })
  await makeGrant(db, { agentId, serverId: erp, class: 'read', toolName: 'method:sampling/createMessage', revokedAt: before() }) // prettier-ignore
  const held = (await instant(db)).toISOString()
  const revokedAt = new Date()
  await db.grant.update({ where: { id: grant }, data: { revokedAt } })
  const q = 'tool:change'
  const says = `it holds no grant in force; its grant of ${erp}: write on change was revoked on ${revokedAt.toISOString()}`
  expect(await because(db, { agentId, q })).toEqual({ matches: false, says })
  const after = (await instant(db)).toISOString()
  expect(await because(db, { agentId, q, asOf: after })).toEqual({ matches: false, says })
  expect(await because(db, { agentId, q, asOf: held })).toEqual({ matches: true, says: `it reaches ${erp}/change` })
  const asked = await because(db, { agentId, q: 'tool:method:sampling/createMessage' })
  expect(asked.says).toContain(`its grant of ${erp}: ask its model was revoked on`)
})

dbTest('a quarantined tool is in its own explanation, however many others are shut', async ({ db }) => {
  const agentId = await makeHolder(db)
  const shut = { class: 'write', state: 'quarantined' } as const
  const names = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name}-tool`)
  const serverId = await makeServer(db, {
    tools: { ...Object.fromEntries(names.map((name) => [name, shut])), 'x-tool': shut, 'z-tool': 'write' },
  })
  await makeGrant(db, { agentId, serverId, class: 'write' })
  expect(await because(db, { agentId, q: 'tool:x-tool' })).toEqual({
    matches: false,
    says: `${serverId}/x-tool: the tool is quarantined`,
  })
  expect(await because(db, { agentId, q: `server:${serverId} can:destructive` })).toEqual({
    matches: false,
    says: 'no grant that it holds covers such a tool',
  })
  await db.mcpServer.update({ where: { id: serverId }, data: { status: 'disabled' } })
  const disabled = await because(db, { agentId, q: 'tool:z-tool' })
  expect(disabled.says).toBe(`${serverId}/z-tool: the server is disabled`)
})

dbTest('each kind of stop order is named with whom it stops and why', async ({ db }) => {
  const [agentId, erp, crm] = [await makeHolder(db), await makeServer(db), await makeServer(db)]
  for (const serverId of [erp, crm]) await makeGrant(db, { agentId, serverId, class: 'read' })
  const { ownerTeamId } = await db.agent.findUniqueOrThrow({ where: { id: agentId } })
  const q = `tool:look server:${erp}`
  for (const [scope, targetId, says] of [
    ['agent', agentId, `a stop order for the agent is in force: a leak; without that it would reach ${erp}/look`],
    ['team', ownerTeamId, `a stop order for its team is in force: a leak; without that it would reach ${erp}/look`],
    ['server', erp, `${erp}/look: a stop order for the server is in force: a leak`],
    ['tool', `${erp}/look`, `${erp}/look: a stop order for the tool is in force: a leak`],
  ] as const) {
    const stop = await db.stopOrder.create({ data: { scope, targetId, reason: 'a leak', orderedByName: 'Ada' } })
    expect(await because(db, { agentId, q })).toEqual({ matches: false, says })
    if (scope === 'server') expect(await because(db, { agentId, q: 'can:read' })).toMatchObject({ matches: true })
    await db.stopOrder.update({ where: { id: stop.id }, data: { releasedAt: new Date() } })
  }
  const everything = {
    scope: 'organization',
    targetId: 'organization',
    reason: 'a leak',
    orderedByName: 'Ada',
  } as const
  const { id } = await db.stopOrder.create({ data: everything })
  const stopped = await because(db, { agentId, q })
  expect(stopped.says).toContain('a stop order for the organization is in force: a leak')
  await db.stopOrder.update({ where: { id }, data: { releasedAt: new Date() } })
  expect(await because(db, { agentId, q })).toEqual({ matches: true, says: `it reaches ${erp}/look` })
})

dbTest('the policy that forbids what was asked is named, and no other', async ({ db }) => {
  const agentId = await makeHolder(db)
  const [erp, crm] = [await makeServer(db, { environment: 'production' }), await makeServer(db)]
  for (const serverId of [erp, crm]) await makeGrant(db, { agentId, serverId, class: 'destructive' })
  const policies = [
    permitsGranted,
    forbids('policy_wipes', 'resource.class == "destructive" && resource.server.environment == "production"'),
    forbids('policy_changes', 'resource.class == "write"'),
  ]
  const { version } = await enforcePolicies(db, policies, policySchema)
  await keepAccessTable(ctxFor(db), { version, policies, schema: policySchema })
  expect(await because(db, { agentId, q: 'can:destructive env:production' })).toEqual({
    matches: false,
    says: `${erp}/wipe: the guardrail policy_wipes forbids it`,
  })
  expect(await because(db, { agentId, q: 'can:destructive' })).toEqual({
    matches: true,
    says: `it reaches ${crm}/wipe`,
  })
  const changes = await because(db, { agentId, q: `tool:change server:${crm}` })
  expect(changes.says).toBe(`${crm}/change: the guardrail policy_changes forbids it`)
})
