import { expect, test } from 'vitest'
import { denialOf } from './call-ends.ts'
import { standardLimits } from './limits.ts'
import { UpstreamFailure } from './upstream/failure.ts'

test('whose limit a result is over depends on whether it would be held or passed on', () => {
  const limit = standardLimits.resultBytesMax
  const turn = {
    server: { resultBytesMax: null },
    agent: { resultBytesMax: limit },
    tool: { serverId: 's', name: 't' },
  }
  const owner = (streamed: boolean) => {
    const failure = new UpstreamFailure('too_large', 'it answers with too much', limit, streamed)
    return denialOf({ limits: standardLimits } as never, turn as never, failure).facts?.limitOf
  }
  expect([owner(true), owner(false)]).toEqual(['agent', 'platform'])
})
