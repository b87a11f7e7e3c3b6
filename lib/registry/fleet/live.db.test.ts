import { expect, vi } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makeTeam } from '#lib/dev/test/fleet.ts'
import { makeTemplate } from '#lib/dev/test/registry.ts'
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
