import { describe, expect } from 'vitest'
import type { ClaudeEvent } from '#lib/claude/schema.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makeAgent } from '#lib/dev/test/fleet.ts'
import { getRun, listRunEvents } from '../queries.ts'
import { applyEvent } from './apply.ts'
import type { HarnessDeps } from './deps.ts'

const at = '2026-11-22T10:00:00.000Z'

describe('text that PostgreSQL cannot store', () => {
  dbTest('of a call, a result, a message and an escalation is taken in, so the run goes on', async ({ db }) => {
    const { runId, agentId } = await runningRun(db)
    const odd = 'a\0b\uD83D'
    for (const event of [
      { type: 'agent.mcp_tool_use', mcp_server_name: 'erp', name: 'post', input: { [odd]: odd } },
      { type: 'agent.mcp_tool_result', mcp_tool_use_id: '1', content: [{ type: 'text', text: odd }], is_error: false },
      { type: 'agent.custom_tool_use', name: 'escalate', input: { ...finding, title: odd, summary: odd } },
      { type: 'agent.message', content: [{ type: 'text', text: odd }] },
      { type: 'session.error', error: { message: odd, retry_status: { type: 'exhausted' } } },
    ]) {
      expect([event.type, await applied(db, runId, event)]).toEqual([event.type, 'new'])
    }
    const run = await getRun(ctxFor(db), runId)
    expect(run).toMatchObject({ toolCalls: 2, escalationCount: 1, summary: 'a\uFFFDb\uFFFD', error: 'a\uFFFDb\uFFFD' })
    expect(run.escalations).toMatchObject([{ title: 'a\uFFFDb\uFFFD', detail: { summary: 'a\uFFFDb\uFFFD' } }])
    expect((await auditOf(db, agentId)).map((row) => row.event)).toEqual(['run.escalated'])
  })

  dbTest('comes of cutting a long text through a character, too', async ({ db }) => {
    const { runId } = await runningRun(db)
    // The longest text of a log entry is 20 000 characters, that of a summary 4000.
    const content = [{ type: 'text', text: `${'x'.repeat(19_999)}😀 and more` }]
    expect(await applied(db, runId, { type: 'agent.mcp_tool_result', mcp_tool_use_id: '1', content })).toBe('new')
    const input = { text: `${'x'.repeat(19_990)}😀 and more` }
    expect(await applied(db, runId, { type: 'agent.custom_tool_use', name: 'other', input })).toBe('new')
    const summary = [{ type: 'text', text: `${'x'.repeat(3999)}😀` }]
    expect(await applied(db, runId, { type: 'agent.message', content: summary })).toBe('new')
    expect((await getRun(ctxFor(db), runId)).summary).toBe(`${'x'.repeat(3999)}\uFFFD`)
    const log = await listRunEvents(ctxFor(db), { runId, after: 0 })
    expect(log.map((event) => event.kind)).toEqual(['tool_result', 'tool_call', 'message'])
  })
})

const finding = { kind: 'finding', title: 'It differs', summary: 'By 4 euros.', severity: 'low' }

let eventCount = 0

async function applied(db: Db, runId: string, event: Record<string, unknown>) {
  eventCount += 1
  const whole = { id: `sevt_${eventCount}`, processed_at: at, ...event } as unknown as ClaudeEvent
  // These events are neither metered nor the end of the run, so nothing else of the worker is needed.
  return applyEvent({ db } as HarnessDeps, { runId, writer: null }, whole)
}

async function runningRun(db: Db): Promise<{ runId: string; agentId: string }> {
  const { id: agentId } = await makeAgent(db)
  const data = {
    agentId,
    agentVersion: 1,
    trigger: 'manual',
    state: 'running',
    input: 'Go.',
    createdAt: new Date(),
  } as const
  return { runId: (await db.run.create({ data: { ...data, simulated: true }, select: { id: true } })).id, agentId }
}
