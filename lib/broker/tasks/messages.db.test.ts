import { expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, secretBox } from '#lib/dev/test/broker.ts'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { createLog } from '#lib/log/log.ts'
import type { Turn } from '../conversation/conversation.ts'
import { Conversations } from '../conversation/conversations.ts'
import { standardLimits } from '../limits.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import type { BrokeredServer } from '../view/view.ts'
import { namedForAgent } from './messages.ts'
import { beginTask } from './replies.ts'

const relatedKey = 'io.modelcontextprotocol/related-task'
const server = { id: 'sessions', url: 'http://127.0.0.1:1/mcp' } as BrokeredServer
const progress = (taskId: string) => ({
  method: 'notifications/progress',
  params: { progress: 1, _meta: { [relatedKey]: { taskId } } },
})
const status = { method: 'notifications/tasks/status', params: { taskId: 'at-the-server', status: 'working' } }

test('word of a task holds nothing up when it is not known in time whose it is: it is then nobody’s', async ({
  db,
}) => {
  const { parts, caller, task } = await world(db)
  const about = { caller, server }
  const told = await namedForAgent(parts, about, progress(task.upstreamId))
  expect(told).toEqual(progress(task.id))
  await db.$transaction(
    async (tx) => {
      // Whoever reads the table waits until this is over.
      await tx.$executeRaw`lock table "BrokeredTask" in access exclusive mode`
      const [unnamed, unsaid] = await Promise.all([
        namedForAgent(parts, about, progress(task.upstreamId)),
        namedForAgent(parts, about, status),
      ])
      expect(unnamed).toEqual({ method: 'notifications/progress', params: { progress: 1, _meta: {} } })
      expect(unsaid).toBeNull()
      // What the exchange is about is known without asking.
      expect(await namedForAgent(parts, { ...about, task }, progress(task.upstreamId))).toEqual(progress(task.id))
    },
    { timeout: 30_000 },
  )
  expect(await namedForAgent(parts, about, progress(task.upstreamId))).toEqual(progress(task.id))
})

test('word of a task that begins reaches its agent also before the task is noted', async ({ db }) => {
  const { parts, caller } = await world(db)
  const call = { caller, serverId: server.id, tool: 'compute' }
  const running = { signal: new AbortController().signal }
  const turn = { call, server, running, grant: { id: '' } } as Turn
  const { told, beginning } = await db.$transaction(
    async (tx) => {
      // Nothing is noted until this is over.
      await tx.$executeRaw`lock table "BrokeredTask" in access exclusive mode`
      const beginning = beginTask(parts, turn, { upstreamId: 'just-begun', ttlMs: 60_000, session: null, named: false })
      return { told: await namedForAgent(parts, { caller, server }, progress('just-begun')), beginning }
    },
    { timeout: 30_000 },
  )
  const task = await beginning
  expect(told).toEqual(progress(task.id))
  expect(await namedForAgent(parts, { caller, server }, progress('just-begun'))).toEqual(progress(task.id))
  const other = await makeAgent(db)
  const others = { caller: { ...caller, agentId: other.agentId, runId: other.runId }, server }
  expect(await namedForAgent(parts, others, progress('just-begun'))).toMatchObject({ params: { _meta: {} } })
})

test('a task that could not be noted as it began is noted as soon as it can be, and in its place', async ({ db }) => {
  const { parts, caller } = await world(db)
  const { taskBook } = parts.conversations
  const running = { signal: new AbortController().signal }
  const turn = { call: { caller, serverId: server.id, tool: 'compute' }, server, running, grant: { id: '' } } as Turn
  const begin = (upstreamId: string) =>
    beginTask(parts, turn, { upstreamId, ttlMs: 60_000, session: null, named: false })
  await db.$executeRaw`create function refuse_tasks() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`
  await db.$executeRaw`create trigger refuse_tasks before insert on "BrokeredTask" for each row execute function refuse_tasks()`
  const [first, over] = [await begin('first'), await begin('over')]
  await taskBook.over(over)
  expect(await namedForAgent(parts, { caller, server }, progress('first'))).toEqual(progress(first.id))
  await db.$executeRaw`drop trigger refuse_tasks on "BrokeredTask"`
  const last = await begin('last')
  const listed = async () => {
    const page = await taskBook.page(caller, { serverId: server.id, after: null, max: 10 })
    return page.map(({ taskId }) => taskId).filter((id) => [first, over, last].some((task) => task.id === id))
  }
  await expect.poll(listed, { timeout: 20_000 }).toHaveLength(3)
  expect(new Set((await listed()).slice(0, 2))).toEqual(new Set([first.id, over.id]))
  const open = new Set((await taskBook.open()).map(({ taskId }) => taskId))
  expect([first, over, last].map(({ id }) => open.has(id))).toEqual([true, false, true])
  await parts.conversations.stop()
})

/** An agent with a task at the server, and as much of a broker as names it. */
async function world(db: Db) {
  const { agentId, runId } = await makeAgent(db)
  const log = createLog({ process: 'broker', level: 'silent' })
  const ctx = () => ({ db, actor: systemActor('broker'), now: new Date() })
  const conversations = new Conversations(secretBox, { ctx, log, askDeadlineMs: 1000 })
  const limits = { ...standardLimits, taskNameMs: 300 }
  const parts = { conversations, limits, holding: { log } } as PipelineParts
  const caller = { agentId, version: 1, runId }
  const origin = { agentId, runId, serverId: server.id, url: server.url, tool: 'compute', grantId: '' }
  const task = await conversations.tasks.give(origin, { upstreamId: 'at-the-server', session: null })
  await conversations.taskBook.note(task, { caller, ttlMs: 60_000, session: null })
  return { parts, caller, task }
}
