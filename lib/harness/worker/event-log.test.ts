import { expect, test } from 'vitest'
import type { ClaudeEvent } from '#lib/claude/schema.ts'
import { clip, keyOfEvent, toLogPayload } from './event-log.ts'

const token = `eyJ${'a'.repeat(20)}.${'b'.repeat(40)}.${'c'.repeat(60)}`

test('what looks like a signed token never reaches the log, wherever it stands', () => {
  const call = {
    id: 'e1',
    type: 'agent.tool_use',
    name: 'bash',
    input: { command: `curl -H "Bearer ${token}" x` },
    processed_at: '',
  }
  const result = {
    id: 'e2',
    type: 'user.tool_result',
    tool_use_id: 'e1',
    content: [{ type: 'text', text: `TOKEN=${token}` }],
  }
  for (const event of [call, result]) {
    const text = JSON.stringify(toLogPayload(event as ClaudeEvent))
    expect(text).not.toContain(token)
    expect(text).toContain('[token removed]')
  }
})

test('long text is cut and says so; long input is shown as text', () => {
  expect(clip('x'.repeat(20_001))).toMatchObject({ truncated: true })
  const event = {
    id: 'e1',
    type: 'agent.mcp_tool_use',
    mcp_server_name: 'erp',
    name: 'post',
    input: { body: 'x'.repeat(30_000) },
    processed_at: '',
  }
  expect(toLogPayload(event as ClaudeEvent)).toMatchObject({
    kind: 'tool_call',
    payload: { serverId: 'erp', truncated: true, input: expect.stringMatching(/^\{"body":"x+$/) },
  })
})

test('a text that PostgreSQL cannot store is made storable', () => {
  expect(clip('a\u0000b').text).toBe('a\uFFFDb')
})

test('an event without an id has a key all the same', () => {
  const interrupt = { id: '', type: 'user.interrupt', processed_at: '2026-11-22T10:00:00Z' } as ClaudeEvent
  expect(keyOfEvent(interrupt)).toBe('user.interrupt@2026-11-22T10:00:00Z')
})
