import { describe, expect } from 'vitest'
import { auditOf, ctxFor } from '#lib/dev/test/fleet.ts'
import { creationSteps } from '#lib/registry/schema.ts'
import { stopRun } from './commands.ts'
import { getRun, listRunEvents } from './queries.ts'
import {
  active,
  done,
  ended,
  escalation,
  eventsAt,
  eventually,
  finished,
  port,
  registered,
  running,
  runTest,
  sessionsOf,
  started,
} from '#lib/dev/test/runs.ts'

describe('a run', { timeout: 180_000 }, () => {
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
        expect(row.claudeServer).toBe(stack.gate.url)
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
      const follower = await eventually(async () => {
        const { followedBy } = await db.run.findUniqueOrThrow({ where: { id: runId } })
        const index = workers.findIndex((worker) => followedBy?.includes(`-${worker.pid}-`))
        expect(index).not.toBe(-1)
        return index
      })
      await workers[follower]!.kill()
      thinking.resolve()

      const run = await finished(db, runId)

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

describe('a crash', { timeout: 180_000 }, () => {
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

      const run = await finished(db, runId)
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
    const run = await finished(db, runId)
    expect((await eventsAt(stack, run)).filter((event) => event.type === 'user.message')).toHaveLength(1)
  })
})

describe('without a worker', { timeout: 180_000 }, () => {
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
})
