import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { startWholeStack, type WholeStack } from '#lib/dev/test/whole-stack.ts'
import { orderStop } from '#lib/killswitch/commands.ts'
import { createAgent, suspendAgent } from '#lib/lifecycle/commands.ts'
import { getCreationLog } from '#lib/registry/queries.ts'
import { startRun } from './commands.ts'
import { getRun, listRunEvents } from './queries.ts'
import type { RunView } from './schema.ts'

const test = dbTest.extend(
  'stack',
  { scope: 'file' },
  async ({ db, databaseUrl }, { onCleanup }): Promise<WholeStack> => {
    const stack = await startWholeStack({ db, databaseUrl })
    onCleanup(() => stack.stop())
    return stack
  },
)

const planted = JSON.parse(
  readFileSync(join(import.meta.dirname, '../dev/demo/data/planted.json'), 'utf8'),
) as unknown[]

test(
  'an agent from the golden template reads through the broker, computes in the sandbox and escalates what was planted',
  { timeout: 300_000 },
  async ({ db, stack }) => {
    const lead = await teamLead(db)
    const id = await created(lead, { firstRun: true })

    const log = await eventually(async () => {
      const log = await getCreationLog(lead, id)
      expect(log.steps.map((step) => step.state)).toEqual(log.steps.map(() => 'done'))
      return log
    })
    const run = await finished(db, log.firstRunId!)

    expect(run).toMatchObject({
      state: 'succeeded',
      stopReason: 'end_turn',
      simulated: true,
      trigger: 'first_run',
      deniedCalls: 0,
    })
    expect(BigInt(run.costMicros!)).toBeGreaterThan(0n)
    expect(run.escalations.length).toBeGreaterThan(0)
    const titles = run.escalations.map((escalation) => JSON.stringify(escalation.detail)).join('\n')
    for (const invoice of plantedIds()) expect(titles).toContain(invoice)
    const events = await listRunEvents(lead, { runId: run.id, after: 0 })
    const bash = events.filter((event) => event.kind === 'tool_call' && event.payload.name === 'bash')
    expect(bash.length).toBeGreaterThan(0)
    expect(events.filter((event) => event.kind === 'tool_result' && event.payload.isError)).toEqual([])
    const audit = await auditOf(db, run.id)
    expect(audit.map((row) => row.event)).toContain('mcp.call_allowed')
    expect(audit.at(-1)?.event).toBe('run.ended')

    // The usage rows add up to the run, and the day to the run.
    const used = await db.usageRecord.aggregate({ where: { runId: run.id }, _sum: { costMicros: true } })
    expect(used._sum.costMicros?.toString()).toBe(run.costMicros)
    const day = await db.agentDay.findFirstOrThrow({ where: { agentId: id } })
    expect(day).toMatchObject({
      runs: 1,
      succeeded: 1,
      costMicros: BigInt(run.costMicros!),
      escalations: run.escalationCount,
    })

    // No token anywhere that people or programs read.
    const jwt = /eyJ[\w-]{8,}\.[\w-]{8,}\./
    const everything = JSON.stringify([
      await db.runEvent.findMany(),
      (await db.auditEvent.findMany()).map((row) => row.detail),
    ])
    expect(everything).not.toMatch(jwt)
    expect(stack.output()).not.toMatch(jwt)
  },
)

test(
  'an agent without the grant is denied the same tool, with the rule named',
  { timeout: 300_000 },
  async ({ db, stack }) => {
    expect(stack.env).toBeDefined()
    const lead = await teamLead(db)
    const id = await created(lead, { firstRun: false })
    await active(db, id)
    const grant = { where: { agentId: id, serverId: 'erp' }, data: { toolName: 'get_supplier' } }
    await db.grant.updateMany(grant)
    const run = await finished(db, await started(lead, id))
    expect(run.deniedCalls).toBeGreaterThan(0)
    expect(run.escalations.find((escalation) => escalation.kind === 'refusal')).toMatchObject({
      title: expect.stringContaining('erp/list_purchase_orders'),
      detail: { rule: 'grant_missing' },
    })
    expect(
      (await auditOf(db, run.id)).some((row) => row.event === 'run.escalated' && row.rule === 'grant_missing'),
    ).toBe(true)
  },
)

test(
  'a suspended agent gets nothing, and a stop of the organization ends what runs',
  { timeout: 300_000 },
  async ({ db, stack }) => {
    expect(stack.env).toBeDefined()
    const lead = await teamLead(db)
    const [suspended, running] = [await created(lead, { firstRun: false }), await created(lead, { firstRun: false })]
    await active(db, suspended)
    await active(db, running)
    await suspendAgent(lead, { agentId: suspended, reason: 'odd figures' })
    expect(await startRun(lead, { agentId: suspended })).toMatchObject({ error: { rule: 'agent_not_active' } })
    const runId = await started(lead, running)
    await eventually(async () => expect((await getRun(lead, runId)).toolCalls).toBeGreaterThan(0))
    await orderStop(ctxFor(db, await makePerson(db, { roles: ['on_call'] })), {
      scope: 'organization',
      reason: 'drill',
    })
    expect(await finished(db, runId)).toMatchObject({ state: 'stopped', stopReason: 'killed', rule: 'killed' })
    await eventually(async () => {
      const acks = await db.stopAck.findMany({ select: { process: true } })
      expect(acks.map((ack) => ack.process).toSorted()).toEqual(['broker', 'sandbox', 'worker'])
    })
  },
)

function plantedIds(): string[] {
  return [...new Set(JSON.stringify(planted).match(/INV-[\w-]+/g) ?? [])]
}

async function teamLead(db: Db): Promise<Ctx> {
  return ctxFor(db, await makePerson(db, { roles: ['team_lead'], teamIds: [await makeTeam(db)] }))
}

async function created(lead: Ctx, options: { firstRun: boolean }): Promise<string> {
  const person = lead.actor.kind === 'person' ? lead.actor : null
  const id = `invoice-reconciler-${crypto.randomUUID().slice(0, 8)}`
  await createAgent(lead, {
    id,
    name: 'Invoice reconciler',
    purpose: 'match invoices to POs, flag discrepancies',
    ownerTeamId: person?.teamIds[0] ?? '',
    accountablePersonId: person?.id ?? '',
    tier: 'medium',
    templateId: 'invoice-reconciler',
    layer: { prompt: '', parameters: { escalations_max: 50 } },
    scopes: [
      { serverId: 'invoices', class: 'read' },
      { serverId: 'erp', class: 'read' },
    ],
    firstRun: options.firstRun,
  })
  return id
}

async function active(db: Db, id: string): Promise<void> {
  await eventually(async () => {
    expect((await db.agent.findUniqueOrThrow({ where: { id } })).status).toBe('active')
  })
}

async function started(ctx: Ctx, agentId: string): Promise<string> {
  const outcome = await startRun(ctx, { agentId })
  if (!outcome.ok) throw new Error(outcome.error.message)
  return outcome.value.runId
}

async function finished(db: Db, runId: string): Promise<RunView> {
  return eventually(async () => {
    const run = await getRun(ctxFor(db), runId)
    expect(['succeeded', 'failed', 'stopped', 'refused']).toContain(run.state)
    return run
  }, 120_000)
}

async function eventually<T>(look: () => Promise<T>, ms = 90_000): Promise<T> {
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
