import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import type { Child } from '#lib/dev/test/child.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, testRendered } from '#lib/dev/test/fleet.ts'
import { type Stack, startStack } from '#lib/dev/test/stack.ts'
import { inTx } from '#lib/auth/ctx.ts'
import { createClaudePort } from '#lib/claude/commands.ts'
import type { ClaudeEvent } from '#lib/claude/schema.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { orderStop, releaseStop } from '#lib/killswitch/commands.ts'
import { openStops } from '#lib/killswitch/queries.ts'
import { seedPriceBook } from '#lib/metrics/commands.ts'
import { creationSteps } from '#lib/registry/schema.ts'
import { startRun, stopRun } from './commands.ts'
import { getRun, listRunEvents } from './queries.ts'
import type { RunView } from './schema.ts'

const done = () => ({ text: 'All done.' })
const escalation = { kind: 'finding', title: 'INV-1 differs', summary: 'By 4 euros.', severity: 'low' }

const runTest = dbTest.extend(
  'stack',
  { scope: 'file' },
  async ({ db, databaseUrl }, { onCleanup }): Promise<Stack> => {
    await seedPriceBook(ctxFor(db))
    const stack = await startStack({ databaseUrl, script: done })
    onCleanup(() => stack.stop())
    return stack
  },
)

describe('a run', { timeout: 60_000 }, () => {
  runTest(
    'goes from registration to its end: provisioned, first run, escalation, exact cost, cleared away',
    async ({ db, stack }) => {
      stack.model.script.current = (_request, turn) =>
        turn === 0 ? { text: 'Looking.', calls: [{ name: 'escalate', input: escalation }] } : { text: 'One escalated.' }
      await using worker = await running(stack)
      const id = await registered(db, { firstRun: true })

      const run = await ended(db, id)

      expect(run).toMatchObject({
        state: 'succeeded',
        stopReason: 'end_turn',
        trigger: 'first_run',
        simulated: true,
        summary: 'One escalated.',
        model: 'claude-sonnet-5-5',
        turns: 2,
        toolCalls: 1,
        escalationCount: 1,
        // Two requests of 1000 tokens at $2 and 100 at $10 per million.
        costMicros: '6000',
        tokens: { input: 2000, output: 200, cacheRead: 0, cacheWrite: 0 },
        escalations: [{ kind: 'escalate', title: 'INV-1 differs', detail: escalation, resolvedAt: null }],
      })
      const steps = await db.creationStep.findMany({ where: { agentId: id }, orderBy: { position: 'asc' } })
      expect(steps.map((step) => [step.step, step.state])).toEqual(creationSteps.map((step) => [step, 'done']))
      const log = await listRunEvents(ctxFor(db), { runId: run.id, after: 0 })
      expect(log.map((event) => event.seq)).toEqual(log.map((_, index) => index + 1))
      expect(log.map((event) => event.kind)).toEqual([
        'message',
        'message',
        'tool_call',
        'escalation',
        'usage',
        'tool_result',
        'message',
        'usage',
        'status',
      ])
      expect((await auditOf(db, id)).map((row) => row.event)).toEqual([
        'agent.provisioned',
        'agent.credentials_issued',
        'agent.activated',
        'run.requested',
        'agent.token_issued',
        'run.started',
        'run.escalated',
        'run.ended',
      ])
      expect(await db.agentDay.findMany({ where: { agentId: id } })).toMatchObject([
        { runs: 1, succeeded: 1, escalatedRuns: 1, costMicros: 6000n, unpricedRequests: 0 },
      ])
      await eventually(async () => {
        const row = await db.run.findUniqueOrThrow({ where: { id: run.id } })
        expect([row.claudeVaultId, row.tokenExpiresAt, row.followedBy]).toEqual([null, null, null])
        const session = await port(stack).getSession(row.claudeSessionId!)
        expect([session.status, session.archivedAt === null]).toEqual(['terminated', false])
      })
      expect(worker.output()).not.toContain('"level":50')
    },
  )

  runTest(
    'is followed by one of two workers, and taken over when that one is killed in the middle',
    async ({ db, stack }) => {
      const thinking = Promise.withResolvers<void>()
      stack.model.script.current = async (_request, turn) => {
        if (turn === 0) return { calls: [{ name: 'escalate', input: escalation }] }
        await thinking.promise
        return done()
      }
      const workers = [await stack.startWorker(), await stack.startWorker()]
      const { runId } = await started(db, await registered(db))
      await eventually(async () => expect((await getRun(ctxFor(db), runId)).escalationCount).toBe(1))
      const { followedBy } = await db.run.findUniqueOrThrow({ where: { id: runId } })
      const follower = workers.findIndex((worker) => followedBy?.includes(`-${worker.pid}-`))
      expect(follower).not.toBe(-1)
      await workers[follower]!.kill()
      thinking.resolve()

      const run = await finished(db, runId, 30_000)

      expect(run).toMatchObject({ state: 'succeeded', costMicros: '6000', turns: 2, toolCalls: 1, escalationCount: 1 })
      const log = await listRunEvents(ctxFor(db), { runId, after: 0 })
      expect(log.filter((event) => event.kind === 'usage')).toHaveLength(2)
      expect(new Set(log.map((event) => event.seq)).size).toBe(log.length)
      const answers = await eventsAt(stack, run)
      expect(answers.filter((event) => event.type === 'user.custom_tool_result')).toHaveLength(1)
      await workers[1 - follower]!.stop()
    },
  )
})

describe('a crash', { timeout: 60_000 }, () => {
  runTest(
    'between creating the agent at Claude and writing it down: one agent there, creation goes on',
    async ({ db, stack }) => {
      stack.model.script.current = done
      const worker = await stack.startWorker()
      const held = stack.gate.holdAnswer(({ method, path }) => method === 'POST' && path.startsWith('/v1/agents'))
      const id = await registered(db, { firstRun: true })
      await held
      await worker.kill()
      await using _again = await running(stack)

      expect(await ended(db, id)).toMatchObject({ state: 'succeeded' })
      const ours: string[] = []
      for await (const agent of port(stack).listAgents())
        if (agent.metadata['wheelhouse_agent'] === id) ours.push(agent.id)
      expect(ours).toHaveLength(1)
      expect(await db.claudeBinding.findMany({ where: { agentId: id } })).toMatchObject([
        { claudeAgentId: ours[0], claudeVersion: 1 },
      ])
      expect((await auditOf(db, id)).filter((row) => row.event === 'agent.provisioned')).toHaveLength(1)
    },
  )

  runTest(
    'between creating the session and writing it down: no second session lives, one first message',
    async ({ db, stack }) => {
      stack.model.script.current = done
      const worker = await stack.startWorker()
      const id = await registered(db)
      await active(db, id)
      const held = stack.gate.holdAnswer(({ method, path }) => method === 'POST' && /^\/v1\/sessions(\?|$)/.test(path))
      const { runId } = await started(db, id)
      await held
      await worker.kill()
      await using _again = await running(stack)

      const run = await finished(db, runId, 30_000)
      expect(run.state).toBe('succeeded')
      await eventually(async () => {
        const sessions = await sessionsOf(stack, runId)
        expect(sessions).toHaveLength(2)
        expect(sessions.every((session) => session.archivedAt !== null)).toBe(true)
      })
      expect((await eventsAt(stack, run)).filter((event) => event.type === 'user.message')).toHaveLength(1)
      expect((await auditOf(db, runId)).filter((row) => row.event === 'run.started')).toHaveLength(1)
    },
  )

  runTest('between writing the session down and its first message: the message is sent once', async ({ db, stack }) => {
    stack.model.script.current = done
    const worker = await stack.startWorker()
    const id = await registered(db)
    await active(db, id)
    const held = stack.gate.holdAnswer(
      ({ method, path }) => method === 'GET' && /^\/v1\/sessions\/[^/]+\/events\?/.test(path),
    )
    const { runId } = await started(db, id)
    await held
    await worker.kill()
    await using _again = await running(stack)
    const run = await finished(db, runId, 30_000)
    expect((await eventsAt(stack, run)).filter((event) => event.type === 'user.message')).toHaveLength(1)
  })
})

describe('stopping', { timeout: 60_000 }, () => {
  runTest(
    'the kill switch: refused at once, interrupted, proven, named; a new launch is refused until the release',
    async ({ db, stack }) => {
      stack.model.script.current = () => new Promise(() => {})
      await using worker = await running(stack)
      const id = await registered(db)
      await active(db, id)
      const { runId } = await started(db, id)
      await eventually(async () => expect((await getRun(ctxFor(db), runId)).state).toBe('running'))

      const order = await orderStop(ctxFor(db), { scope: 'agent', targetId: id, reason: 'incident 7' })

      const run = await finished(db, runId)
      expect(run).toMatchObject({ state: 'stopped', stopReason: 'killed', rule: 'killed' })
      expect((await sessionsOf(stack, runId)).map((session) => session.status)).toEqual(['terminated'])
      expect(await startRun(ctxFor(db), { agentId: id })).toMatchObject({ error: { rule: 'killed' } })
      await eventually(async () => {
        const [open] = await openStops(ctxFor(db))
        expect(open).toMatchObject({ openRuns: 0, stoppedRuns: 1, acks: [{ process: 'worker' }] })
        expect(open?.acks[0]?.instance).toContain(`-${worker.pid}-`)
      })
      await releaseStop(ctxFor(db), { orderId: order.ok ? order.value.orderId : '', reason: 'over' })
      stack.model.script.current = done
      const again = await started(db, id)
      expect(await finished(db, again.runId)).toMatchObject({ state: 'succeeded' })
    },
  )

  runTest(
    'a person stops a run that is queued before any worker runs: it never gets a session',
    async ({ db, stack }) => {
      const id = await registered(db)
      await using _worker = await running(stack)
      await active(db, id)
      await _worker.stop()
      const { runId } = await started(db, id)
      await stopRun(ctxFor(db), { runId, reason: 'mistake' })
      await using _again = await running(stack)
      expect(await finished(db, runId)).toMatchObject({
        state: 'stopped',
        stopReason: 'interrupted',
        claudeSessionId: null,
      })
      expect(await sessionsOf(stack, runId)).toEqual([])
    },
  )

  runTest('stopped while its session is being created: the session ends without a message', async ({ db, stack }) => {
    stack.model.script.current = done
    await using _worker = await running(stack)
    const id = await registered(db)
    await active(db, id)
    const held = stack.gate.holdAnswer(({ method, path }) => method === 'POST' && /^\/v1\/sessions(\?|$)/.test(path))
    const { runId } = await started(db, id)
    const { release } = await held
    await stopRun(ctxFor(db), { runId, reason: 'mistake' })
    release()
    expect(await finished(db, runId)).toMatchObject({ state: 'stopped', turns: 0 })
    await eventually(async () => {
      expect((await sessionsOf(stack, runId)).every((session) => session.status === 'terminated')).toBe(true)
    })
  })

  runTest('too many turns fail the run by its rule', async ({ db, stack }) => {
    stack.model.script.current = (_request, turn) => ({
      calls: [{ name: 'escalate', input: { ...escalation, title: `Again ${turn}` } }],
    })
    await using _worker = await running(stack)
    const limits = { ...testRendered().limits, turnsMax: 3 }
    const { runId } = await started(db, await registered(db, { rendered: testRendered({ limits }) }))
    const run = await finished(db, runId)
    expect(run).toMatchObject({ state: 'failed', stopReason: 'turns', rule: 'run_turns' })
    expect(run.turns).toBeGreaterThanOrEqual(3)
  })

  runTest('the ceiling of one run holds at Claude, even between two looks of ours', async ({ db, stack }) => {
    stack.model.script.current = (_request, turn) => ({
      calls: [{ name: 'escalate', input: { ...escalation, title: `Again ${turn}` } }],
      usage: { input_tokens: 10_000, output_tokens: 1_000 },
    })
    await using _worker = await running(stack)
    const limits = { ...testRendered().limits, runBudgetMicros: 60_000 }
    const { runId } = await started(db, await registered(db, { rendered: testRendered({ limits }) }))
    expect(await finished(db, runId)).toMatchObject({
      state: 'failed',
      stopReason: 'budget_reached',
      rule: 'run_budget',
      costMicros: '60000',
    })
  })

  runTest('a suspended agent loses its running run', async ({ db, stack }) => {
    stack.model.script.current = () => new Promise(() => {})
    await using _worker = await running(stack)
    const id = await registered(db)
    const { runId } = await started(db, id)
    await eventually(async () => expect((await getRun(ctxFor(db), runId)).state).toBe('running'))
    await db.agent.update({ where: { id }, data: { status: 'suspended' } })
    expect(await finished(db, runId)).toMatchObject({ state: 'stopped', rule: 'agent_not_active' })
  })
})

describe('what waits for a person', { timeout: 60_000 }, () => {
  runTest(
    'a held call is denied with its rule as long as nobody can approve it, and the run goes on',
    async ({ db, stack }) => {
      stack.model.script.current = (_request, turn) =>
        turn === 0 ? { calls: [{ name: 'bash', input: { command: 'rm -rf /' } }] } : done()
      await using _worker = await running(stack)
      const ask = { type: 'always_ask' } as const
      const rendered = testRendered({
        tools: [
          {
            type: 'agent_toolset_20260401',
            default_config: { enabled: false, permission_policy: ask },
            configs: [{ name: 'bash', enabled: true, permission_policy: ask }],
          },
        ],
      })
      const { runId } = await started(db, await registered(db, { rendered }))
      expect(await finished(db, runId)).toMatchObject({
        state: 'succeeded',
        deniedCalls: 1,
        escalations: [{ kind: 'held', detail: { rule: 'approval_missing', tool: 'bash' } }],
      })
      const log = await listRunEvents(ctxFor(db), { runId, after: 0 })
      expect(log.find((event) => event.kind === 'decision')).toMatchObject({
        payload: { decision: 'deny', rule: 'approval_missing' },
      })
    },
  )
})

describe('provisioning', { timeout: 60_000 }, () => {
  runTest('waits while Claude is away, says so in the creation log, and goes on by itself', async ({ db, stack }) => {
    await using _worker = await running(stack)
    stack.gate.break(true)
    const id = await registered(db)
    try {
      await eventually(async () => {
        const step = await db.creationStep.findUniqueOrThrow({
          where: { agentId_step: { agentId: id, step: 'claude' } },
        })
        expect(step).toMatchObject({ state: 'running', detail: expect.stringContaining('Trying again.') })
      })
    } finally {
      stack.gate.break(false)
    }
    await active(db, id, 30_000)
  })
})

async function running(stack: Stack): Promise<Child & AsyncDisposable> {
  const worker = await stack.startWorker()
  return { ...worker, [Symbol.asyncDispose]: async () => void (await worker.stop()) }
}

/** A registered agent as the wizard leaves it: the row, its version, its creation steps and the job. */
async function registered(
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

async function active(db: Db, id: string, ms?: number): Promise<void> {
  await eventually(async () => {
    expect((await db.agent.findUniqueOrThrow({ where: { id } })).status).toBe('active')
    const open = await db.creationStep.count({ where: { agentId: id, state: { not: 'done' } } })
    expect(open).toBe(0)
  }, ms)
}

async function started(db: Db, id: string): Promise<{ runId: string }> {
  await active(db, id)
  const outcome = await startRun(ctxFor(db), { agentId: id })
  if (!outcome.ok) throw new Error(outcome.error.message)
  return outcome.value
}

async function finished(db: Db, runId: string, ms = 15_000): Promise<RunView> {
  return eventually(async () => {
    const run = await getRun(ctxFor(db), runId)
    expect(['succeeded', 'failed', 'stopped', 'refused']).toContain(run.state)
    return run
  }, ms)
}

async function ended(db: Db, agentId: string): Promise<RunView> {
  const run = await eventually(
    async () => db.run.findFirstOrThrow({ where: { agentId }, select: { id: true } }),
    30_000,
  )
  return finished(db, run.id, 30_000)
}

function port(stack: Stack) {
  return createClaudePort({
    baseUrl: `http://127.0.0.1:${stack.env['WHEELHOUSE_CLAUDE_PORT']}`,
    apiKey: stack.env['WHEELHOUSE_CLAUDE_KEY'] ?? '',
  })
}

async function eventsAt(stack: Stack, run: RunView): Promise<ClaudeEvent[]> {
  return port(stack).listEvents(run.claudeSessionId ?? '')
}

async function sessionsOf(stack: Stack, runId: string) {
  const found: { status: string; archivedAt: Date | null }[] = []
  for await (const session of port(stack).listSessions())
    if (session.metadata['wheelhouse_run'] === runId) found.push(session)
  return found
}

async function eventually<T>(look: () => Promise<T>, ms = 15_000): Promise<T> {
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
