import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { parseSandboxConfig, type SandboxConfig } from '#lib/config/sandbox.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { type ModelRequest, type Script } from '#lib/dev/test/model.ts'
import { type Stack, startStack } from '#lib/dev/test/stack.ts'
import { orderStop, releaseStop } from '#lib/killswitch/commands.ts'
import { createLog } from '#lib/log/log.ts'
import { createBwrapDriver } from './bwrap/driver.ts'
import type { SandboxDriver } from './driver.ts'
import { type SandboxService, startSandboxService } from './service.ts'
import { rendered, TestRuns } from './testing/runs.ts'
import { leftovers } from './testing/test-driver.ts'

type Running = { service: SandboxService; driver: SandboxDriver; config: SandboxConfig; runs: TestRuns }

/** The model runs the commands that its first message lists, one a line and a turn. */
const obedient: Script = (request, turn) => {
  const command = firstText(request).split('\n')[turn]
  return command ? { calls: [{ name: 'bash', input: { command } }] } : { text: 'Done.' }
}

const stackTest = dbTest.extend('stack', { scope: 'file' }, async ({ databaseUrl }, { onCleanup }): Promise<Stack> => {
  const stack = await startStack({ databaseUrl, script: obedient })
  onCleanup(stack.stop)
  return stack
})
const serviceTest = stackTest.extend(
  'running',
  { scope: 'file' },
  async ({ db, stack }, { onCleanup }): Promise<Running> => {
    const home = await mkdtemp(join(tmpdir(), 'wheelhouse-service-'))
    const config = { ...parseSandboxConfig({ ...stack.env, WHEELHOUSE_GRACE_MS: '300' }), home, port: 0 }
    const log = createLog({ process: 'sandbox-test', level: process.env['WHEELHOUSE_LOG_LEVEL'] ?? 'silent' })
    const driver = createBwrapDriver({ folder: join(home, 'sandbox') })
    const service = await startSandboxService({ config, driver, db, log, unknownRunMsMax: 500 })
    onCleanup(async () => {
      await service.abort()
      const left = await leftovers(driver, home)
      await rm(home, { recursive: true, force: true })
      if (left.length) throw new Error(`left behind: ${left.join(', ')}`)
    })
    const runs = new TestRuns({ db, url: config.claudeUrl, apiKey: stack.env['WHEELHOUSE_CLAUDE_KEY'] ?? '' })
    return { service, driver, config, runs }
  },
)

function firstText({ messages }: ModelRequest): string {
  const content = messages[0]?.content ?? ''
  return typeof content === 'string' ? content : content.map((block) => block.text ?? '').join('')
}

const newAgent = async (db: Db): Promise<string> => (await makeAgent(db, { rendered })).id

async function eventually(holds: () => Promise<boolean> | boolean, withinMs = 15_000): Promise<number> {
  const began = Date.now()
  while (!(await holds())) {
    if (Date.now() - began > withinMs) throw new Error(`not within ${withinMs} ms`)
    await sleep(20)
  }
  return Date.now() - began
}

async function processes(driver: SandboxDriver, workspace: string): Promise<number> {
  const sandbox = (await driver.list()).find((each) => each.workspace === workspace)
  return sandbox
    ? await driver.stats(sandbox.id).then(
        (stats) => stats.processes,
        () => 0,
      )
    : 0
}

// A second on an idle machine (measured: 0.1 s); the machine of a test may be very busy.
const atOnceMs = 3000
// Five are there before a command runs: bwrap twice, the supervisor, the shell and its pipe.
const busy = 6
const stubborn = `(setsid bash -c 'trap "" TERM; while :; do sleep 0.1; done' &); sleep 1000`

describe('the sandbox service', { timeout: 60_000 }, () => {
  serviceTest(
    'runs a session’s commands in its sandbox and gives the model what they said',
    async ({ db, running }) => {
      const { runs, driver } = running
      const commands = ['cd /tmp && echo "from $(hostname)"; X=kept', 'echo "$X in $PWD"; ls /work /root; exit 3']
      const run = await runs.start(await newAgent(db), commands.join('\n'))
      const [first, second] = await runs.finished(run.sessionId)
      expect(first).toBe('from sandbox')
      expect(second).toMatch(/^kept in \/tmp\n.*\n.*\nThe shell ended with exit code 3/s)
      await runs.end(run)
      await eventually(async () => (await driver.list()).length === 0)
      await eventually(async () => !(await driver.workspaces()).some(({ workspace }) => workspace === run.sessionId))
    },
  )

  serviceTest('serves several sessions at once, each in its own sandbox', async ({ db, running }) => {
    const { runs, driver } = running
    const agentId = await newAgent(db)
    const command = 'echo $RANDOM > mine; sleep 1; cat mine | wc -l; ls | wc -l'
    const all = await Promise.all([1, 2, 3].map(() => runs.start(agentId, command)))
    await eventually(async () => (await driver.list()).length === 3)
    for (const { sessionId } of all) expect(await runs.finished(sessionId)).toEqual(['1\n1'])
    await Promise.all(all.map((run) => runs.end(run)))
    await eventually(async () => (await driver.list()).length === 0)
  })

  serviceTest('tells whether it is alive and ready, and measures', async ({ running }) => {
    const url = `http://127.0.0.1:${running.service.port}`
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    const ready = await fetch(`${url}/readyz`)
    expect(await ready.json()).toMatchObject({ ready: true, problems: [], probe: { problems: [], driver: 'bwrap' } })
    expect(ready.status).toBe(200)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toMatch(/wheelhouse_sandbox_tool_call_seconds_count\{tool="bash",outcome="ok"\} [1-9]/)
    expect(metrics).toMatch(/wheelhouse_sandbox_start_seconds_count [1-9]/)
    expect(metrics).toMatch(/wheelhouse_sandbox_survivors_total 0/)
  })
})

describe('who gets a sandbox', { timeout: 60_000 }, () => {
  serviceTest('a session of no registered run gets none', async ({ running }) => {
    const { runs, driver } = running
    const sessionId = await runs.startSession()
    await runs.say(sessionId, 'echo in')
    expect(await runs.finished(sessionId)).toEqual(['This session belongs to no registered run.'])
    expect((await driver.workspaces()).map(({ workspace }) => workspace)).not.toContain(sessionId)
    await runs.archive(sessionId)
  })

  serviceTest('a suspended agent gets none', async ({ db, running }) => {
    const { runs, driver } = running
    const { id } = await makeAgent(db, { rendered, status: 'suspended' })
    const run = await runs.start(id, 'echo in')
    // Its session is given back as soon as it is taken, so the call is not even answered.
    await sleep(3000)
    expect(await runs.results(run.sessionId)).toEqual([])
    expect((await driver.workspaces()).map(({ workspace }) => workspace)).not.toContain(run.sessionId)
    await runs.end(run)
  })

  serviceTest(
    'a run that is being stopped loses its sandbox with the next look at the database',
    async ({ db, running }) => {
      const { runs, driver } = running
      const run = await runs.start(await newAgent(db), 'sleep 1000')
      await eventually(async () => (await processes(driver, run.sessionId)) >= busy)
      await db.run.update({ where: { id: run.runId }, data: { state: 'stopping' } })
      expect(await eventually(async () => (await processes(driver, run.sessionId)) === 0)).toBeLessThan(1000 + atOnceMs)
      await runs.end(run)
    },
  )
})

describe('a stop order', { timeout: 60_000 }, () => {
  serviceTest(
    'kills the agent’s process trees at once, is acknowledged with proof, and spares others',
    async ({ db, running }) => {
      const { runs, driver } = running
      const person = await makePerson(db, { roles: ['on_call'] })
      const victim = await runs.start(await newAgent(db), stubborn)
      const spared = await runs.start(await newAgent(db), stubborn)
      for (const { sessionId } of [victim, spared])
        await eventually(async () => (await processes(driver, sessionId)) > busy)

      const order = { scope: 'agent' as const, targetId: victim.agentId, reason: 'It does harm.' }
      const outcome = await orderStop(ctxFor(db, person), order)
      const orderId = outcome.ok ? outcome.value.orderId : ''
      expect(await eventually(async () => (await processes(driver, victim.sessionId)) === 0)).toBeLessThan(atOnceMs)
      expect(await processes(driver, spared.sessionId)).toBeGreaterThan(busy)

      await eventually(async () => (await db.stopAck.count({ where: { orderId } })) === 1)
      const ack = await db.stopAck.findFirstOrThrow({ where: { orderId } })
      const detail = { sandboxesKilled: 1, survivors: [], sessions: [victim.sessionId], killMs: expect.any(Number) }
      expect(ack).toMatchObject({ process: 'sandbox', detail })
      expect((ack.detail as { processesKilled: number }).processesKilled).toBeGreaterThan(busy)
      expect((await auditOf(db, victim.agentId)).map(({ event }) => event)).toContain('stop.acknowledged')

      // The model must not go on from a result that the stop made, and what the queue offers of this agent meanwhile is refused.
      await sleep(1500)
      expect(await runs.results(victim.sessionId)).toEqual([])
      expect((await driver.list()).map(({ workspace }) => workspace)).toEqual([spared.sessionId])
      await releaseStop(ctxFor(db, person), { orderId, reason: 'It was repaired.' })
      await Promise.all([victim, spared].map((run) => runs.end(run)))
      await eventually(async () => (await driver.list()).length === 0)
    },
  )

  serviceTest(
    'for the organization ends everything, and nothing begins until it is released',
    async ({ db, running }) => {
      const { runs, driver } = running
      const person = await makePerson(db, { roles: ['on_call'] })
      const agents = await Promise.all([newAgent(db), newAgent(db)])
      const ended = await Promise.all(agents.map((agentId) => runs.start(agentId, 'sleep 1000')))
      await eventually(async () => (await driver.list()).length === 2)
      const outcome = await orderStop(ctxFor(db, person), { scope: 'organization', reason: 'Everything must stop.' })
      expect(await eventually(async () => (await driver.list()).length === 0)).toBeLessThan(atOnceMs)
      const later = await runs.start(await newAgent(db), 'echo in')
      await sleep(2500)
      expect(await driver.list()).toEqual([])
      const orderId = outcome.ok ? outcome.value.orderId : ''
      const ack = await db.stopAck.findFirst({ where: { orderId } })
      expect(ack).toMatchObject({ detail: { sandboxesKilled: 2, survivors: [] } })
      const second = await makePerson(db, { roles: ['security'] })
      for (const by of [person, second]) {
        await releaseStop(ctxFor(db, by), { orderId, reason: 'All is well again.' })
      }
      expect(await runs.finished(later.sessionId)).toEqual(['in'])
      for (const run of [...ended, later]) await runs.end(run)
    },
  )

  serviceTest('for a server leaves sandboxes alone and is acknowledged', async ({ db, running }) => {
    const targetId = `server-${randomBytes(4).toString('hex')}`
    const data = { scope: 'server', targetId, reason: 'Upstream is ill.', orderedByName: 'Test' } as const
    const { id: orderId } = await db.stopOrder.create({ data })
    await eventually(async () => (await db.stopAck.count({ where: { orderId } })) === 1)
    expect(await db.stopAck.findFirst({ where: { orderId } })).toMatchObject({ detail: { sandboxesKilled: 0 } })
    expect(running.service.port).toBeGreaterThan(0)
  })
})
