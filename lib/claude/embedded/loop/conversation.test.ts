import { expect, test } from 'vitest'
import type { Draft, Internal, StoredEvent } from '../events/types.ts'
import { toMessages } from './conversation.ts'
import { readState } from './state.ts'

test('what the model said goes back block for block, and every call is followed by its result', () => {
  const events = history(
    [say('go')],
    [{ type: 'span.model_request_start' }],
    use('u1', 'toolu_1'),
    use('u2', 'toolu_2'),
    end([
      { type: 'thinking', thinking: 'hm', signature: 'sig' },
      { type: 'text', text: 'Two calls.' },
      { type: 'tool_use', id: 'toolu_1', name: 'bash', input: {} },
      { type: 'tool_use', id: 'toolu_2', name: 'bash', input: {} },
    ]),
    // Answered in the other order; the model sees the order it asked in.
    [result('u2', 'second')],
    [result('u1', 'first')],
  )
  expect(toMessages(events)).toEqual([
    { role: 'user', content: [{ type: 'text', text: 'go' }] },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'hm', signature: 'sig' },
        { type: 'text', text: 'Two calls.' },
        { type: 'tool_use', id: 'toolu_1', name: 'bash', input: {} },
        { type: 'tool_use', id: 'toolu_2', name: 'bash', input: {} },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'first' }] },
        { type: 'tool_result', tool_use_id: 'toolu_2', content: [{ type: 'text', text: 'second' }] },
      ],
    },
  ])
  expect(readState(events)).toMatchObject({ needsModel: true, openSpan: null })
})

test('a call without a result is answered as not executed, so that the conversation stays valid', () => {
  const events = history(
    [say('go')],
    use('u1', 'toolu_1'),
    end([{ type: 'tool_use', id: 'toolu_1', name: 'bash', input: {} }]),
    [say('never mind')],
  )
  expect(toMessages(events).at(-1)).toEqual({
    role: 'user',
    content: [
      {
        type: 'tool_result',
        tool_use_id: 'toolu_1',
        is_error: true,
        content: [{ type: 'text', text: 'The call was not executed.' }],
      },
      { type: 'text', text: 'never mind' },
    ],
  })
})

test('what nobody has read yet is not part of the conversation', () => {
  const events = history([say('one')], [say('two'), { queued: true }])
  expect(toMessages(events)).toEqual([{ role: 'user', content: [{ type: 'text', text: 'one' }] }])
  expect(readState(events).queued).toHaveLength(1)
})

test('a request that failed leaves the question open; an open one is seen after a crash', () => {
  const failed = history([say('go')], [{ type: 'span.model_request_start' }], [failedEnd()])
  expect(readState(failed)).toMatchObject({ needsModel: true, openSpan: null, rounds: 1 })
  const crashed = history([say('go')], [{ type: 'span.model_request_start' }])
  expect(readState(crashed)).toMatchObject({ needsModel: true, openSpan: 'e1' })
})

type Entry = [draft: Draft, options?: { id?: string; queued?: boolean; internal?: Internal }]

function history(...entries: Entry[]): StoredEvent[] {
  return entries.map(([{ type, ...payload }, options = {}], seq) => ({
    id: options.id ?? `e${seq}`,
    seq,
    type,
    payload,
    internal: options.internal ?? null,
    processedAt: options.queued ? null : new Date(seq),
  }))
}

function say(text: string): Draft {
  return { type: 'user.message', content: [{ type: 'text', text }] }
}

function use(id: string, toolUseId: string): Entry {
  return [
    { type: 'agent.tool_use', name: 'bash', input: {}, evaluated_permission: 'allow' },
    { id, internal: { toolUseId } },
  ]
}

function result(tool_use_id: string, text: string): Draft {
  return { type: 'user.tool_result', tool_use_id, content: [{ type: 'text', text }] }
}

const usage = { input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 }

function end(content: NonNullable<Internal['content']>): Entry {
  const draft: Draft = {
    type: 'span.model_request_end',
    model_request_start_id: 'e1',
    is_error: false,
    model_usage: usage,
  }
  return [draft, { internal: { content, stopReason: 'tool_use' } }]
}

function failedEnd(): Draft {
  return { type: 'span.model_request_end', model_request_start_id: 'e1', is_error: true, model_usage: usage }
}
