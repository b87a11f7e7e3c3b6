import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { similarAgents } from './queries.ts'

dbTest('agents with the same scopes and purpose come first; retired and unlike ones not at all', async ({ db }) => {
  const [erp, crm] = [await makeServer(db), await makeServer(db)]
  const granted = async (agent: { purpose: string; status?: 'retired' }, servers: readonly string[]) => {
    const { id } = await makeAgent(db, { ...agent, templateId: `template-${crypto.randomUUID().slice(0, 8)}` })
    for (const serverId of servers) await makeGrant(db, { agentId: id, serverId })
    return id
  }
  const purpose = 'Matches supplier invoices with purchase orders'
  const own = await granted({ purpose }, [erp, crm])
  const twin = await granted({ purpose: 'Matches invoices with orders of suppliers' }, [erp, crm])
  const half = await granted({ purpose }, [erp])
  const holdsOnly = await granted({ purpose: 'Writes release notes' }, [erp, crm])
  await granted({ purpose: 'Writes poems' }, [])
  await granted({ purpose, status: 'retired' }, [erp, crm])
  const found = await similarAgents(ctxFor(db), { agentId: own, limit: 10 })
  expect(found.map(({ id }) => id)).toEqual([twin, half, holdsOnly].toSorted((a, b) => scoreOf(b) - scoreOf(a)))
  expect(found.find(({ id }) => id === half)).toMatchObject({
    scopes: { shared: 1, of: 2 },
    purposeAlike: 1,
    sameTemplate: false,
  })
  expect(found.find(({ id }) => id === holdsOnly)).toMatchObject({
    scopes: { shared: 2, of: 2 },
    purposeAlike: 0,
    score: 0.5,
  })
  expect(await similarAgents(ctxFor(db), { agentId: own, limit: 1 })).toHaveLength(1)

  function scoreOf(id: string): number {
    return found.find((agent) => agent.id === id)?.score ?? 0
  }
})

dbTest('is for who may read agents, about one that exists', async ({ db }) => {
  const { id } = await makeAgent(db)
  const agent = ctxFor(db, { kind: 'agent', id, name: id })
  await expect(similarAgents(agent, { agentId: id, limit: 5 })).rejects.toMatchObject({ code: 'forbidden' })
  await expect(similarAgents(ctxFor(db), { agentId: 'nobody', limit: 5 })).rejects.toMatchObject({ code: 'not_found' })
})
