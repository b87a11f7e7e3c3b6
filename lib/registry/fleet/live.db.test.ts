import { expect, vi } from 'vitest'
import type { Tx } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeTemplate } from '#lib/dev/test/registry.ts'
import { FleetIndex } from './fleet-index.ts'
import { fleetOf } from './live.ts'

const dayMs = 86_400_000
const today = Date.parse('2026-11-25T00:00:00Z')

dbTest('at midnight the figures move on once for all who ask, and not back for who began before', async ({ db }) => {
  await makeTemplate(db)
  const { id: agentId } = await makeAgent(db, { ownerTeamId: await makeTeam(db) })
  const day = (daysAgo: number, runs: number) =>
    db.agentDay.create({ data: { agentId, day: new Date(today - daysAgo * dayMs), runs } })
  await day(29, 5)
  await day(3, 2)
  const at = async (ms: number) => await fleetOf(ctxFor(db, undefined, new Date(today + ms)))
  const runsAt = async (ms: number) => {
    const index = await at(ms)
    return index.agent(index.slotOf.get(agentId)!).runs
  }
  expect(await runsAt(dayMs - 1000)).toBe(7)
  const index = await at(dayMs - 1000)
  const moved = vi.spyOn(index, 'setFigures')
  const after = await Promise.all(Array.from({ length: 5 }, () => runsAt(dayMs + 1000)))
  expect(after).toEqual([2, 2, 2, 2, 2])
  expect(moved).toHaveBeenCalledOnce()
  // Asked before midnight, answered after it.
  expect(await runsAt(dayMs - 500)).toBe(2)
  expect(await at(dayMs + 1000)).toBe(index)
  // What is changed after it counts by the new window, and a clock that is put back by the old one.
  await day(0, 1)
  await db.agent.update({ where: { id: agentId }, data: { purpose: 'counts anew' } })
  expect(await runsAt(dayMs + 2000)).toBe(3)
  expect(await runsAt(dayMs - 120_000)).toBe(8)
})

dbTest(
  'what ended while a long transaction is open is read once, and what the transaction changed when it ends',
  async ({ db }) => {
    await makeTemplate(db)
    const teamId = await makeTeam(db)
    const [first, second] = [await makeAgent(db, { ownerTeamId: teamId }), await makeAgent(db, { ownerTeamId: teamId })]
    const now = new Date()
    const at = async () => await fleetOf(ctxFor(db, undefined, now))
    const purposes = async () => {
      const index = await at()
      return [first, second].map(({ id }) => index.agent(index.slotOf.get(id)!).purpose)
    }
    const describe = async (tx: Tx, id: string, purpose: string) =>
      await tx.agent.update({ where: { id }, data: { purpose } })
    await at()
    const put = vi.spyOn(FleetIndex.prototype, 'put')
    const setFacts = vi.spyOn(FleetIndex.prototype, 'setFacts')
    const aLongOne = async (open: Tx) => {
      await describe(open, first.id, 'of the long one')
      await describe(db, second.id, 'of a short one')
      await makeTeam(db)
      expect((await purposes())[1]).toBe('of a short one')
      expect(put).toHaveBeenCalledOnce()
      expect(setFacts).toHaveBeenCalledOnce()
      await at()
      expect(put).toHaveBeenCalledOnce()
      expect(setFacts).toHaveBeenCalledOnce()
      // Begun after the long one and ended before it.
      await describe(db, second.id, 'of a later one')
      expect((await purposes())[1]).toBe('of a later one')
      expect(put).toHaveBeenCalledTimes(2)
    }
    await db.$transaction(aLongOne, { timeout: 60_000 })
    expect(await purposes()).toEqual(['of the long one', 'of a later one'])
    expect(put).toHaveBeenCalledTimes(3)
    await at()
    expect(put).toHaveBeenCalledTimes(3)
    expect(setFacts).toHaveBeenCalledOnce()
  },
)
