import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent } from '#lib/dev/test/fleet.ts'
import { reachedLimit } from '../rules.ts'
import { renewLeases, takeLeases } from './leases.ts'

dbTest('calls use up the budget of a run also where usage of its model has no price', async ({ db }) => {
  const { id: agentId } = await makeAgent(db)
  const run = { agentId, agentVersion: 1, trigger: 'manual', state: 'running', input: '', simulated: true } as const
  const followed = { ...run, startedAt: new Date(), claudeSessionId: 'sesn_unpriced', costMicros: null }
  const { id: runId } = await db.run.create({ data: followed })
  const limits = { runBudgetMicros: 50_000 }
  const [taken] = await takeLeases(db, 'worker', 1)
  expect(taken).toMatchObject({ id: runId, costMicros: 0n })
  expect(reachedLimit(taken!, limits, new Date())).toBeNull()
  await db.runCallCost.create({ data: { runId, costMicros: 50_000n } })
  const [renewed] = await renewLeases(db, 'worker', [runId])
  expect(reachedLimit(renewed!, limits, new Date())).toBe('run_budget')
})
