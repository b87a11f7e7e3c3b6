import { expect, test } from 'vitest'
import type { AgentStream } from '../endpoint/agent-stream.ts'
import { metaKey } from '../upstream/envelope.ts'
import { Talk } from './talk.ts'

/** What JSON has for an object that becomes neither a text nor a number. */
const strange = JSON.parse('{"toString":1,"valueOf":1}') as unknown

test('progress and levels that are none are not told, and break nothing', () => {
  const stream = { accepts: true, takes: true, send: () => undefined } as unknown as AgentStream
  const params = { _meta: { progressToken: 'one', [metaKey.logLevel]: 'info' } }
  const talk = new Talk('modern', params, { stream, session: null })
  talk.envelope({ shared: false })
  talk.onProgress?.({ waitedMs: 1000, totalMs: 5000, message: 'waiting' })
  const progress = (value: unknown) =>
    talk.noticeOf({ method: 'notifications/progress', params: { progressToken: 'one', progress: value } })
  const message = (level: unknown) => talk.noticeOf({ method: 'notifications/message', params: { level, data: '' } })
  expect([strange, null, '3', 1].map(progress)).toEqual([null, null, null, null])
  expect(progress(2)).toMatchObject({ params: { progress: 2 } })
  expect([strange, 'debug'].map(message)).toEqual([null, null])
  expect(message('error')).not.toBeNull()
})
