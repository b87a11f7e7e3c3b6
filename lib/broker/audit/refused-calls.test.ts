import { afterEach, expect, test, vi } from 'vitest'
import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import type { AuditRow } from './records.ts'
import { RefusedCalls } from './refused-calls.ts'

afterEach(() => void vi.useRealTimers())

function start(append?: (row: AuditRow) => Promise<void>) {
  vi.useFakeTimers()
  const rows: AuditRow[] = []
  const calls = new RefusedCalls({ append: append ?? (async (row) => void rows.push(row)) })
  let made = 0
  const rowOf = (call: ToolCall, count: number) => ({ id: (made += 1), tool: call.tool, count }) as unknown as AuditRow
  const note = (tool: string, agentId = 'agent') => {
    const caller = { agentId, version: 1, runId: null } as ToolCall['caller']
    const call: ToolCall = { caller, serverId: 'erp', tool }
    return calls.note(call, rowOf(call, 1), rowOf)
  }
  const counts = () => rows.map((row) => [row['tool'], row['count']])
  return { calls, rows, note, counts }
}

test('the first is recorded at once, and the others of the second as one row with their number', async () => {
  const { note, counts } = start()
  const ids = await Promise.all(['look', 'look', 'look', 'wipe'].map((tool) => note(tool)))
  expect(new Set(ids.slice(0, 3)).size).toBe(1)
  expect(counts()).toEqual([
    ['look', 1],
    ['wipe', 1],
  ])
  vi.advanceTimersByTime(1000)
  expect(counts().slice(2)).toEqual([['look', 2]])
  await note('look')
  expect(counts().slice(3)).toEqual([['look', 1]])
})

test('whatever an agent calls them, it costs few rows, and none is left out', async () => {
  const { note, rows, calls } = start()
  for (let i = 0; i < 500; i += 1) await note(`tool-${i % 250}`)
  await note('tool-1', 'another')
  calls.flush()
  const sum = rows.reduce((all, row) => all + Number(row['count']), 0)
  expect(sum).toBe(501)
  expect(rows.length).toBeLessThanOrEqual(2 * 21 + 1)
  expect(rows.map((row) => row['tool'])).toContain('several')
})

test('nobody is answered before the first is durable, and nobody when it cannot be', async () => {
  const { promise, reject } = Promise.withResolvers<void>()
  const { note } = start(() => promise)
  const noted = Promise.allSettled([note('look'), note('look')])
  reject(new Error('not durable'))
  expect((await noted).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

test('a record that fails late takes nothing from what is counted in the next second', async () => {
  const late = Promise.withResolvers<void>()
  const rows: AuditRow[] = []
  const { note, calls } = start((row) => {
    rows.push(row)
    return rows.length === 1 ? late.promise : Promise.resolve()
  })
  const failed = Promise.allSettled([note('look')])
  calls.flush()
  await note('look')
  await note('look')
  late.reject(new Error('not durable'))
  expect(await failed).toMatchObject([{ status: 'rejected' }])
  await note('look')
  calls.flush()
  expect(rows.map((row) => row['count'])).toEqual([1, 1, 2])
})
