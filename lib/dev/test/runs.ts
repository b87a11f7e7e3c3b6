import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { inTx } from '#lib/auth/ctx.ts'
import { createClaudePort } from '#lib/claude/commands.ts'
import type { ClaudeEvent } from '#lib/claude/schema.ts'
import type { Db } from '#lib/db/client.ts'
import type { Child } from '#lib/dev/test/child.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, type testRendered } from '#lib/dev/test/fleet.ts'
import { type Stack, startStack } from '#lib/dev/test/stack.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { seedPriceBook } from '#lib/metrics/commands.ts'
import { creationSteps } from '#lib/registry/schema.ts'
import { startRun } from '#lib/harness/commands.ts'
import { getRun } from '#lib/harness/queries.ts'
import type { RunView } from '#lib/harness/schema.ts'

/** A model that has nothing to do. */
export const done = () => ({ text: 'All done.' })
export const escalation = { kind: 'finding', title: 'INV-1 differs', summary: 'By 4 euros.', severity: 'low' }

/** A test with the embedded Claude server running for its file; workers are started by the tests. */
export const runTest = dbTest.extend(
  'stack',
  { scope: 'file' },
  async ({ db, databaseUrl }, { onCleanup }): Promise<Stack> => {
    await seedPriceBook(ctxFor(db))
    const stack = await startStack({ databaseUrl, script: done })
    onCleanup(() => stack.stop())
    return stack
  },
)

/** The same with one worker for the whole file. */
export const workerTest = runTest.extend(
  'worker',
  { scope: 'file', auto: true },
  async ({ stack }, { onCleanup }): Promise<Child> => {
    const worker = await stack.startWorker()
    onCleanup(async () => void (await worker.stop()))
    return worker
  },
)

export async function running(stack: Stack): Promise<Child & AsyncDisposable> {
  const worker = await stack.startWorker()
  return { ...worker, [Symbol.asyncDispose]: async () => void (await worker.stop()) }
}

/** A registered agent as the wizard leaves it: the row, its version, its creation steps and the job. */
export async function registered(
  db: Db,
  options: { firstRun?: boolean; rendered?: ReturnType<typeof testRendered> } = {},
): Promise<string> {
  const { firstRun = false, rendered } = options
  const { id } = await makeAgent(db, { status: 'provisioning', claude: null, ...(rendered ? { rendered } : {}) })
  await db.creationStep.createMany({
    data: creationSteps.map((step, position) => ({
      agentId: id,
      step,
      position,
      state: step === 'register' ? ('done' as const) : ('pending' as const),
    })),
  })
  await inTx(ctxFor(db), (tx) => enqueue(tx, jobs.provisionAgent, { payload: { agentId: id, version: 1, firstRun } }))
  return id
}

export async function active(db: Db, id: string, ms?: number): Promise<void> {
  await eventually(async () => {
    expect((await db.agent.findUniqueOrThrow({ where: { id } })).status).toBe('active')
    const open = await db.creationStep.count({ where: { agentId: id, state: { not: 'done' } } })
    expect(open).toBe(0)
  }, ms)
}

export async function started(db: Db, id: string): Promise<{ runId: string }> {
  await active(db, id)
  const outcome = await startRun(ctxFor(db), { agentId: id })
  if (!outcome.ok) throw new Error(outcome.error.message)
  return outcome.value
}

export async function finished(db: Db, runId: string, ms = 60_000): Promise<RunView> {
  return eventually(async () => {
    const run = await getRun(ctxFor(db), runId)
    expect(['succeeded', 'failed', 'stopped', 'refused']).toContain(run.state)
    return run
  }, ms)
}

export async function ended(db: Db, agentId: string): Promise<RunView> {
  const run = await eventually(
    async () => db.run.findFirstOrThrow({ where: { agentId }, select: { id: true } }),
    30_000,
  )
  return finished(db, run.id, 60_000)
}

export function port(stack: Stack) {
  return createClaudePort({
    baseUrl: `http://127.0.0.1:${stack.env['WHEELHOUSE_CLAUDE_PORT']}`,
    apiKey: stack.env['WHEELHOUSE_CLAUDE_KEY'] ?? '',
  })
}

export async function eventsAt(stack: Stack, run: RunView): Promise<ClaudeEvent[]> {
  return port(stack).listEvents(run.claudeSessionId ?? '')
}

export async function sessionsOf(stack: Stack, runId: string) {
  const found: { status: string; archivedAt: Date | null }[] = []
  for await (const session of port(stack).listSessions())
    if (session.metadata['wheelhouse_run'] === runId) found.push(session)
  return found
}

export async function eventually<T>(look: () => Promise<T>, ms = 60_000): Promise<T> {
  const deadline = Date.now() + ms
  while (true) {
    try {
      return await look()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await sleep(50)
    }
  }
}
