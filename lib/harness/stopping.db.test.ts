import { decideHeldCall } from '#lib/guardrails/commands.ts'
import { describe, expect } from 'vitest'
import { ctxFor, testRendered, makePerson } from '#lib/dev/test/fleet.ts'
import { explainDecision } from '#lib/guardrails/queries/explanation/decision.ts'
import { orderStop, releaseStop } from '#lib/killswitch/commands.ts'
import { openStops } from '#lib/killswitch/queries.ts'
import { startRun, stopRun } from './commands.ts'
import { getRun, listRunEvents } from './queries.ts'
import {
  active,
  done,
  escalation,
  eventually,
  finished,
  registered,
  sessionsOf,
  started,
  workerTest,
} from '#lib/dev/test/runs.ts'

describe('stopping', { timeout: 180_000 }, () => {
  workerTest(
    'the kill switch: refused at once, interrupted, proven, named; a new launch is refused until the release',
    async ({ db, stack, worker }) => {
      stack.model.script.current = () => new Promise(() => {})
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

  workerTest(
    'stopped while its session is being created: the session ends without a message',
    async ({ db, stack }) => {
      stack.model.script.current = done
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
    },
  )

  workerTest('too many turns fail the run by its rule', async ({ db, stack }) => {
    stack.model.script.current = (_request, turn) => ({
      calls: [{ name: 'escalate', input: { ...escalation, title: `Again ${turn}` } }],
    })
    const limits = { ...testRendered().limits, turnsMax: 3 }
    const { runId } = await started(db, await registered(db, { rendered: testRendered({ limits }) }))
    const run = await finished(db, runId)
    expect(run).toMatchObject({ state: 'failed', stopReason: 'turns', rule: 'run_turns' })
    expect(run.turns).toBeGreaterThanOrEqual(3)
    const events = await db.auditEvent.findMany({ where: { runId, rule: 'run_turns' }, orderBy: { seq: 'asc' } })
    expect(events.map(({ event }) => event)).toEqual(['run.stop_requested', 'run.ended'])
    for (const { id } of events) {
      const { usage } = await explainDecision(ctxFor(db), { id })
      expect(usage).toMatchObject({ limit: 3, unit: 'turns', per: 'run' })
      expect(usage!.used).toBeGreaterThanOrEqual(3)
    }
  })

  workerTest('the ceiling of one run holds at Claude, even between two looks of ours', async ({ db, stack }) => {
    stack.model.script.current = (_request, turn) => ({
      calls: [{ name: 'escalate', input: { ...escalation, title: `Again ${turn}` } }],
      usage: { input_tokens: 10_000, output_tokens: 1_000 },
    })
    const limits = { ...testRendered().limits, runBudgetMicros: 60_000 }
    const { runId } = await started(db, await registered(db, { rendered: testRendered({ limits }) }))
    expect(await finished(db, runId)).toMatchObject({
      state: 'failed',
      stopReason: 'budget_reached',
      rule: 'run_budget',
      costMicros: '60000',
    })
    const { id } = await db.auditEvent.findFirstOrThrow({ where: { runId, event: 'run.ended' } })
    const usage = { used: 60_000, limit: 60_000, unit: 'micro-dollars', per: 'run', freeAt: null }
    expect((await explainDecision(ctxFor(db), { id })).usage).toEqual(usage)
  })

  workerTest('a suspended agent loses its running run', async ({ db, stack }) => {
    stack.model.script.current = () => new Promise(() => {})
    const id = await registered(db)
    const { runId } = await started(db, id)
    await eventually(async () => expect((await getRun(ctxFor(db), runId)).state).toBe('running'))
    await db.agent.update({ where: { id }, data: { status: 'suspended' } })
    expect(await finished(db, runId)).toMatchObject({ state: 'stopped', rule: 'agent_not_active' })
  })
})

describe('what waits for a person', { timeout: 180_000 }, () => {
  workerTest(
    'a call the template asks about waits for a person; approved it runs, rejected it does not',
    async ({ db, stack }) => {
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
      stack.model.script.current = (_request, turn) =>
        turn === 0 ? { calls: [{ name: 'bash', input: { command: 'rm -rf /' } }] } : done()
      const { runId } = await started(db, await registered(db, { rendered }))
      const waiting = { where: { runId, state: 'waiting' as const } }
      await eventually(async () => expect(await db.heldCall.count(waiting)).toBe(1))
      const { id: heldCallId } = await db.heldCall.findFirstOrThrow(waiting)
      const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
      const edit = await decideHeldCall(security, { heldCallId, decision: 'edit', arguments: { command: 'ls' } })
      expect(edit).toMatchObject({ ok: false, error: { rule: 'approvals:not_editable' } })
      await decideHeldCall(security, { heldCallId, decision: 'reject', note: 'Never.' })
      expect(await finished(db, runId)).toMatchObject({
        state: 'succeeded',
        deniedCalls: 1,
        escalations: [{ kind: 'held', detail: { tool: 'bash' } }],
      })
      const log = await listRunEvents(ctxFor(db), { runId, after: 0 })
      const decision = log.find((event) => event.kind === 'decision')
      expect(decision).toMatchObject({ payload: { decision: 'deny', rule: 'call_rejected' } })
      expect(JSON.stringify(decision)).toContain('Never.')
    },
  )
})

describe('provisioning', { timeout: 180_000 }, () => {
  workerTest(
    'waits while Claude is away, says so in the creation log, and goes on by itself',
    async ({ db, stack }) => {
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
      await active(db, id)
    },
  )
})

describe('the token of a run', { timeout: 180_000 }, () => {
  workerTest('is replaced before it expires, and is never in what people read', async ({ db, stack, worker }) => {
    const thinking = Promise.withResolvers<void>()
    stack.model.script.current = async () => {
      await thinking.promise
      return done()
    }
    const mcp = {
      type: 'mcp_toolset',
      mcp_server_name: 'erp',
      default_config: { enabled: true, permission_policy: { type: 'always_allow' } },
    } as const
    const rendered = testRendered({ tools: [mcp], mcpServers: [{ name: 'erp', path: '/mcp/erp' }] })
    const { runId } = await started(db, await registered(db, { rendered }))
    await eventually(async () => expect((await getRun(ctxFor(db), runId)).state).toBe('running'))
    const soon = new Date(Date.now() + 60_000)
    await db.run.update({ where: { id: runId }, data: { tokenExpiresAt: soon } })
    await eventually(async () => {
      const { tokenExpiresAt } = await db.run.findUniqueOrThrow({ where: { id: runId } })
      expect(tokenExpiresAt!.getTime()).toBeGreaterThan(soon.getTime())
    })
    expect(stack.gate.seen.some((line) => /^POST \/v1\/vaults\/[^/]+\/credentials\/[^/]+/.test(line))).toBe(true)
    thinking.resolve()
    expect(await finished(db, runId)).toMatchObject({ state: 'succeeded' })
    const issued = await db.auditEvent.findMany({ where: { runId, event: 'agent.token_issued' } })
    expect(issued).toHaveLength(2)
    const read = JSON.stringify([await db.runEvent.findMany({ where: { runId } }), issued.map((row) => row.detail)])
    expect(read + worker.output()).not.toMatch(/eyJ[\w-]{8,}\.[\w-]{8,}\./)
  })
})
