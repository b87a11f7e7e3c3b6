import { expect, test } from 'vitest'
import type { ToolCall } from '#lib/guardrails/rules/facts.ts'
import { type CallEnded, InFlight } from './in-flight.ts'

const call: ToolCall = { caller: { agentId: 'a', runId: null, shared: false } as never, serverId: 's', tool: 't' }
const agents = { limit: 40, limitOf: 'agent' } as const
const platforms = { limit: 60_000, limitOf: 'platform' } as const

async function lateFacts(extend: (running: ReturnType<InFlight['begin']>) => void) {
  const options = { teamId: 'team', deadline: agents, gone: new AbortController().signal }
  const running = new InFlight().begin(call, options)
  extend(running)
  await new Promise((resolve) => running.signal.addEventListener('abort', resolve, { once: true }))
  running.end()
  return (running.signal.reason as CallEnded).denial?.facts
}

test('a call that is late names the limit that bound last', async () => {
  const asked = await lateFacts((running) => {
    running.extend(platforms, { longestMs: 60_000 })
    running.extend(agents, { longestMs: 60_000 })
  })
  expect(asked).toMatchObject({ limit: 0.04, limitOf: 'agent' })
  const servers = { limit: 500, limitOf: 'server' } as const
  const longest = await lateFacts((running) => running.extend(servers, { longestMs: 50 }))
  expect(longest).toMatchObject({ limit: 0.05, limitOf: 'platform' })
})

test('a call that is over is given no time', () => {
  const options = { teamId: 'team', deadline: agents, gone: new AbortController().signal }
  const running = new InFlight().begin(call, options)
  running.end()
  running.extend({ limit: 0, limitOf: 'agent' }, { longestMs: 0 })
  return new Promise<void>((resolve) => setTimeout(resolve, 60)).then(() => expect(running.signal.aborted).toBe(false))
})
