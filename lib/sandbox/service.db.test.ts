import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import {
  bash,
  eventsOf,
  keys,
  lastResults,
  type Script,
  say,
  startSession,
  turns,
  until,
  type World,
} from '#lib/claude/embedded/testing/world.ts'
import { worldTest } from '#lib/claude/embedded/testing/world-test.ts'
import { type SandboxConfig, parseSandboxConfig } from '#lib/config/sandbox.ts'
import type { Db } from '#lib/db/client.ts'
import { auditOf, ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { orderStop, releaseStop } from '#lib/killswitch/commands.ts'
import { createLog } from '#lib/log/log.ts'
import { createBwrapDriver } from './bwrap/driver.ts'
import type { SandboxDriver } from './driver.ts'
import { type SandboxService, startSandboxService } from './service.ts'
import { leftovers } from './test-driver.ts'

type Running = { service: SandboxService; driver: SandboxDriver; config: SandboxConfig }

const limits = { memoryMb: 256, cpus: 1, processes: 64, diskMb: 32, commandSeconds: 30 }
const harness = { turnsMax: 10, deadlineMinutes: 10, runBudgetMicros: 1_000_000 }
const rendered = {
  model: 'claude-sonnet-5-5',
  system: 'Test.',
  tools: [],
  mcpServers: [],
  limits: { ...harness, sandbox: limits },
}

/** With the service on the embedded server, stopped and looked after at the end of the file. */
const serviceTest = worldTest.extend(
  'running',
  { scope: 'file' },
  async ({ world, db, databaseUrl }, { onCleanup }): Promise<Running> => {
    const home = await mkdtemp(join(tmpdir(), 'wheelhouse-service-'))
    const config: SandboxConfig = {
      ...parseSandboxConfig({ DATABASE_URL: databaseUrl, WHEELHOUSE_ENVIRONMENT_KEY: keys.environmentKey }),
      home,
      port: 0,
      claudeUrl: world.server.url,
      graceMs: 300,
    }
    const log = createLog({ process: 'sandbox-test', level: process.env['WHEELHOUSE_LOG_LEVEL'] ?? 'silent' })
    const driver = createBwrapDriver({ folder: join(home, 'sandbox') })
    const service = await startSandboxService({ config, driver, db, log, unknownRunMsMax: 500 })
    onCleanup(async () => {
      await service.abort()
      const left = await leftovers(driver, home)
      await rm(home, { recursive: true, force: true })
      if (left.length) throw new Error(`left behind: ${left.join(', ')}`)
    })
    return { service, driver, config }
  },
)

/** An agent with an open run whose session has just got its first message. */
async function startRun(db: Db, world: World, options: { agentId?: string; script?: Script } = {}) {
  if (options.script) world.script.current = options.script
  const agentId = options.agentId ?? (await makeAgent(db, { rendered })).id
  const session = await startSession(world.client, { agent: { tools: [bash] } })
  const run = await db.run.create({
    data: {
      agentId,
      agentVersion: 1,
      trigger: 'manual',
      state: 'running',
      input: 'Go.',
      simulated: true,
      claudeSessionId: session.id,
    },
  })
  await say(world.client, session.id, 'Go.')
  return { agentId, sessionId: session.id, runId: run.id }
}

const run = (command: string) => ({ toolCalls: [{ name: 'bash', input: { command } }] })
/** The turn has ended; a session that waits for a tool's result is idle too. */
const isOver: Parameters<typeof until>[2] = (events) => {
  const last = events.at(-1)
  return last?.type === 'session.status_idle' && last.stop_reason.type !== 'requires_action'
}

/** As the harness ends a run. */
async function endRun(db: Db, world: World, { runId, sessionId }: { runId: string; sessionId: string }): Promise<void> {
  await db.run.update({ where: { id: runId }, data: { state: 'stopped', endedAt: new Date() } })
  await world.client.beta.sessions.archive(sessionId)
}

async function eventually(holds: () => Promise<boolean> | boolean, withinMs = 5000): Promise<number> {
  const began = Date.now()
  while (!(await holds())) {
    if (Date.now() - began > withinMs) throw new Error(`not within ${withinMs} ms`)
    await sleep(20)
  }
  return Date.now() - began
}

async function busyProcesses(driver: SandboxDriver, workspace: string): Promise<number> {
  const sandbox = (await driver.list()).find((each) => each.workspace === workspace)
  return sandbox ? (await driver.stats(sandbox.id)).processes : 0
}

describe('the sandbox service', () => {
  serviceTest(
    'runs a session’s commands in its sandbox and gives the model what they said',
    async ({ db, world, running }) => {
      const said: [string, boolean][] = []
      const note: Script = (conversation) => {
        said.push(...lastResults(conversation))
        return {}
      }
      const script = turns(
        run('cd /tmp && echo "from $(hostname)"; X=kept'),
        (conversation) => ({ ...note(conversation), ...run('echo "$X in $PWD"; ls /work /root; exit 3') }),
        (conversation) => ({ ...note(conversation), text: 'Done.' }),
      )
      const { sessionId, runId } = await startRun(db, world, { script })
      await until(world.client, sessionId, isOver)
      expect(said[0]).toEqual(['from sandbox', false])
      expect(said[1]![1]).toBe(true)
      expect(said[1]![0]).toMatch(/^kept in \/tmp\n.*\n.*\nThe shell ended with exit code 2|3/s)
      await endRun(db, world, { sessionId, runId })
      await eventually(async () => (await running.driver.list()).length === 0)
      await eventually(
        async () => !(await running.driver.workspaces()).some(({ workspace }) => workspace === sessionId),
      )
    },
  )

  serviceTest('serves several sessions at once, each in its own sandbox', async ({ db, world, running }) => {
    const script = turns(run('echo $RANDOM > mine; sleep 1; cat mine | wc -l; ls | wc -l'))
    const sessions = await Promise.all([1, 2, 3].map(() => startRun(db, world, { script })))
    await eventually(async () => (await running.driver.list()).length === 3, 10_000)
    await Promise.all(sessions.map(({ sessionId }) => until(world.client, sessionId, isOver)))
    for (const { sessionId } of sessions) {
      const results = (await eventsOf(world.client, sessionId)).filter(({ type }) => type === 'user.tool_result')
      expect(JSON.stringify(results)).toContain('1\\n1')
    }
    await Promise.all(sessions.map((each) => endRun(db, world, each)))
    await eventually(async () => (await running.driver.list()).length === 0)
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

describe('who gets a sandbox', () => {
  const refusedWith = async (db: Db, world: World, sessionId: string): Promise<string> => {
    const events = await until(world.client, sessionId, isOver)
    await world.client.beta.sessions.archive(sessionId)
    return JSON.stringify(events.filter(({ type }) => type === 'user.tool_result'))
  }

  serviceTest('a session of no registered run gets none', async ({ db, world, running }) => {
    world.script.current = turns(run('echo in'))
    const session = await startSession(world.client, { agent: { tools: [bash] } })
    await say(world.client, session.id, 'Go.')
    expect(await refusedWith(db, world, session.id)).toMatch(/no registered run/)
    expect(await running.driver.workspaces()).not.toContainEqual(expect.objectContaining({ workspace: session.id }))
  })

  serviceTest('a suspended agent gets none', async ({ db, world }) => {
    const { id } = await makeAgent(db, { rendered, status: 'suspended' })
    const { sessionId } = await startRun(db, world, { agentId: id, script: turns(run('echo in')) })
    // Its session is ended by the service as soon as it is taken, so the call may never be answered.
    await sleep(3000)
    const results = (await eventsOf(world.client, sessionId)).filter(({ type }) => type === 'user.tool_result')
    expect(JSON.stringify(results)).not.toMatch(/"in"/)
    await world.client.beta.sessions.archive(sessionId)
  })

  serviceTest('a run that ends loses its sandbox within two seconds', async ({ db, world, running }) => {
    const { sessionId, runId } = await startRun(db, world, { script: turns(run('sleep 1000')) })
    await eventually(async () => (await busyProcesses(running.driver, sessionId)) > 2, 10_000)
    await db.run.update({ where: { id: runId }, data: { state: 'stopping' } })
    expect(await eventually(async () => (await busyProcesses(running.driver, sessionId)) === 0)).toBeLessThan(2000)
    await world.client.beta.sessions.archive(sessionId)
  })
})

describe('a stop order', () => {
  serviceTest(
    'kills the agent’s process trees within a second, is acknowledged with proof, and spares others',
    async ({ db, world, running }) => {
      const security = await makePerson(db, { roles: ['on_call'] })
      const stubborn = turns(run(`(setsid bash -c 'trap "" TERM; while :; do sleep 0.1; done' &); sleep 1000`))
      const victim = await startRun(db, world, { script: stubborn })
      const spared = await startRun(db, world, { script: stubborn })
      for (const { sessionId } of [victim, spared])
        await eventually(async () => (await busyProcesses(running.driver, sessionId)) > 4, 10_000)

      const ordered = Date.now()
      const outcome = await orderStop(ctxFor(db, security), {
        scope: 'agent',
        targetId: victim.agentId,
        reason: 'It does harm.',
      })
      const orderId = outcome.ok ? outcome.value.orderId : ''
      await eventually(async () => (await busyProcesses(running.driver, victim.sessionId)) === 0)
      expect(Date.now() - ordered).toBeLessThan(1000)
      expect(await busyProcesses(running.driver, spared.sessionId)).toBeGreaterThan(4)

      await eventually(async () => (await db.stopAck.count({ where: { orderId } })) === 1)
      const ack = await db.stopAck.findFirstOrThrow({ where: { orderId } })
      expect(ack).toMatchObject({
        process: 'sandbox',
        detail: { sandboxesKilled: 1, survivors: [], sessions: [victim.sessionId] },
      })
      expect(ack.detail).toMatchObject({ processesKilled: expect.any(Number), killMs: expect.any(Number) })
      expect((ack.detail as { processesKilled: number }).processesKilled).toBeGreaterThan(4)
      expect((await auditOf(db, victim.agentId)).map(({ event }) => event)).toContain('stop.acknowledged')

      // Whatever the queue offers of this agent meanwhile is refused.
      await sleep(1500)
      expect((await running.driver.list()).map(({ workspace }) => workspace)).toEqual([spared.sessionId])
      await releaseStop(ctxFor(db, security), { orderId, reason: 'It was repaired.' })
      await Promise.all([victim, spared].map((each) => endRun(db, world, each)))
      await eventually(async () => (await running.driver.list()).length === 0)
    },
  )

  serviceTest(
    'for the organization ends everything, and nothing begins until it is released',
    async ({ db, world, running }) => {
      const person = await makePerson(db, { roles: ['on_call'] })
      const runs = await Promise.all([1, 2].map(() => startRun(db, world, { script: turns(run('sleep 1000')) })))
      await eventually(async () => (await running.driver.list()).length === 2, 10_000)
      const order = { scope: 'organization' as const, reason: 'Everything must stop.' }
      const outcome = await orderStop(ctxFor(db, person), order)
      expect(await eventually(async () => (await running.driver.list()).length === 0)).toBeLessThan(1000)
      const later = await startRun(db, world, { script: turns(run('echo in')) })
      await sleep(2500)
      expect(await running.driver.list()).toEqual([])
      const orderId = outcome.ok ? outcome.value.orderId : ''
      expect(await db.stopAck.findFirst({ where: { orderId } })).toMatchObject({
        detail: { sandboxesKilled: 2, survivors: [] },
      })
      await releaseStop(ctxFor(db, person), { orderId, reason: 'All is well again.' })
      const events = await until(world.client, later.sessionId, isOver)
      expect(JSON.stringify(events)).toContain('"in"')
      for (const each of [...runs, later]) await endRun(db, world, each)
    },
  )

  serviceTest('for a server leaves sandboxes alone and is acknowledged', async ({ db, running }) => {
    const targetId = `server-${randomBytes(4).toString('hex')}`
    const order = await db.stopOrder.create({
      data: { scope: 'server', targetId, reason: 'Upstream is ill.', orderedByName: 'Test' },
    })
    await eventually(async () => (await db.stopAck.count({ where: { orderId: order.id } })) === 1)
    expect(await db.stopAck.findFirst({ where: { orderId: order.id } })).toMatchObject({
      detail: { sandboxesKilled: 0 },
    })
    expect(running.service.port).toBeGreaterThan(0)
  })
})
