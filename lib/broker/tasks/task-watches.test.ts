import { expect, test } from 'vitest'
import { type Hearing, type Look, TaskWatches } from './task-watches.ts'

const task = (id: string) => ({ id, agentId: 'a' })
const working: Look = { content: { status: 'working' }, againMs: 1, isOver: false }

function listener(): Hearing & { heard: string[]; leave: () => void; end: Promise<{ isOver: boolean }> } {
  const left = new AbortController()
  const heard: string[] = []
  const { promise: end, resolve } = Promise.withResolvers<{ isOver: boolean }>()
  return {
    caller: { agentId: 'a', version: 1, runId: null },
    signal: left.signal,
    told: async ({ status }) => void heard.push(String(status)),
    ended: resolve,
    heard,
    leave: () => left.abort(),
    end,
  }
}

test('an agent has no more tasks looked at than it may', () => {
  const watches = new TaskWatches()
  const all = [listener(), listener(), listener()]
  const options = { max: 2, look: async () => working }
  expect(all.map((each, at) => watches.add(task(String(at)), each, options))).toEqual([true, true, false])
  all[0]!.leave()
  expect(watches.add(task('2'), all[2]!, options)).toBe(true)
  for (const each of all) each.leave()
  expect(watches.size).toBe(0)
})

test('nobody is told the same twice, and who comes later is told how it is', async () => {
  const watches = new TaskWatches()
  const [one, other] = [listener(), listener()]
  let isOver = false
  const look = async (): Promise<Look> =>
    isOver ? { content: { status: 'completed' }, againMs: null, isOver } : working
  watches.add(task('1'), one, { max: 2, look })
  await expect.poll(() => one.heard).toEqual(['working'])
  watches.add(task('1'), other, { max: 2, look })
  await expect.poll(() => other.heard).toEqual(['working'])
  isOver = true
  expect(await Promise.all([one.end, other.end])).toEqual([{ isOver: true }, { isOver: true }])
  expect([one.heard, other.heard]).toEqual([
    ['working', 'completed'],
    ['working', 'completed'],
  ])
  expect(watches.size).toBe(0)
})

test('a look that fails ends what was to be told', async () => {
  const watches = new TaskWatches()
  const one = listener()
  watches.add(task('1'), one, { max: 2, look: () => Promise.reject(new Error('lost')) })
  expect(await one.end).toEqual({ isOver: false })
  expect(watches.size).toBe(0)
})
