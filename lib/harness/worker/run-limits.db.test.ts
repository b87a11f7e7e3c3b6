import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent, testRendered } from '#lib/dev/test/fleet.ts'
import { limitsOfRun } from './run-limits.ts'

const now = new Date('2026-11-22T10:00:00Z')
const day = new Date('2026-11-22')

dbTest(
  'the ceiling of a run that ended is told where it is known, and never one that it did not have',
  async ({ db }) => {
    const dollars = (count: number) => BigInt(count) * 1_000_000n
    const { runBudgetMicros: own, turnsMax, deadlineMinutes } = testRendered().limits
    expect(own).toBe(5_000_000)
    const { id: agentId } = await makeAgent(db)
    await db.agent.update({ where: { id: agentId }, data: { monthlyBudgetMicros: dollars(10) } })
    await db.agentDay.create({ data: { agentId, day, costMicros: 0n } })
    const ceiling = async ({ spent, cost }: { spent: number; cost: number }) => {
      await db.agentDay.updateMany({ where: { agentId }, data: { costMicros: dollars(spent) } })
      const limits = await limitsOfRun(db, { agentId, agentVersion: 1, costMicros: dollars(cost) }, now)
      expect(limits).toMatchObject({ turnsMax, deadlineMinutes })
      return limits.runBudgetMicros
    }
    expect(await ceiling({ spent: 5, cost: 5 })).toBe(own)
    expect(await ceiling({ spent: 10, cost: 5 })).toBe(own)
    // Another run spent 8 while it went on: whether its ceiling was the template's is not known any more.
    expect(await ceiling({ spent: 13, cost: 5 })).toBeUndefined()
    // It ended at what was left of the month; raising the budget afterwards makes its ceiling no other.
    expect(await ceiling({ spent: 10, cost: 2 })).toBeUndefined()
    await db.agent.update({ where: { id: agentId }, data: { monthlyBudgetMicros: dollars(100) } })
    expect(await ceiling({ spent: 10, cost: 2 })).toBeUndefined()
  },
)
