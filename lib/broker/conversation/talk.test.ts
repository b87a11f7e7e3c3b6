import { expect, onTestFinished, test } from 'vitest'
import type { PolicyView } from '#lib/guardrails/rules/facts.ts'
import { loadPolicySet } from '#lib/guardrails/queries.ts'
import type { AgentStream } from '../endpoint/agent-stream.ts'
import { InFlight } from '../in-flight.ts'
import type { PipelineParts } from '../pipeline-parts.ts'
import { metaKey } from '../upstream/envelope.ts'
import { AnswerTime } from './answer-time.ts'
import { Talk, type ToldCall } from './talk.ts'

/** What JSON has for an object that becomes neither a text nor a number. */
const strange = JSON.parse('{"toString":1,"valueOf":1}') as unknown

const logged = (level: unknown) => ({ method: 'notifications/message', params: { level, data: '' } })

function talkOf(era: 'modern' | 'legacy', level = 'info'): Talk {
  const params = { _meta: { progressToken: 'one', [metaKey.logLevel]: level } }
  const stream = { accepts: true, takes: true, send: () => undefined } as unknown as AgentStream
  return new Talk(era, params, { stream, session: null })
}

/** A call at a server by an agent that holds one grant there: of the whole server, or of what is named. */
async function callUnder(toolName: string | null): Promise<[PipelineParts, ToldCall]> {
  const about = { id: 'erp', name: 'ERP', environment: 'staging', sensitivity: 'internal', enabled: true } as const
  const server = { ...about, demo: false, tools: new Map() }
  const grant = { id: 'g', serverId: 'erp', class: 'read', toolName, via: 'request', expiresAt: null } as const
  const active = { status: 'active', statusReason: null, currentVersion: 1, tier: 'low' } as const
  const agent = { id: 'a', name: 'A', teamId: 't', ...active, grants: [grant] }
  const policies = await loadPolicySet()
  const view: PolicyView = {
    agents: new Map([['a', agent]]),
    servers: new Map([['erp', server]]),
    runs: new Map(),
    stops: [],
    policies,
  }
  const record = { caller: { agentId: 'a', version: 1, runId: null } }
  const deadline = { limit: 60_000, limitOf: 'platform' } as const
  const call = { caller: record.caller, serverId: 'erp', tool: 'get_order' }
  const running = new InFlight().begin(call, { teamId: 't', deadline, gone: new AbortController().signal })
  onTestFinished(() => running.end())
  const time = new AnswerTime(running, { askMs: 60_000, deadline })
  return [{ view, now: () => new Date() } as never, { server, record, time, intended: true } as never]
}

test('progress and levels that are none are not told, and break nothing', async () => {
  const talk = talkOf('modern')
  talk.begin(...(await callUnder(null)))
  talk.envelope({ shared: false })
  talk.onProgress?.({ waitedMs: 1000, totalMs: 5000, message: 'waiting' })
  const progress = (value: unknown) =>
    talk.noticeOf({ method: 'notifications/progress', params: { progressToken: 'one', progress: value } })
  expect([strange, null, '3', 1].map(progress)).toEqual([null, null, null, null])
  expect(progress(2)).toMatchObject({ params: { progress: 2 } })
  expect([strange, 'debug'].map((level) => talk.noticeOf(logged(level)))).toEqual([null, null])
  expect(talk.noticeOf(logged('error'))).not.toBeNull()
  const odd = talkOf('modern', 'loud')
  odd.begin(...(await callUnder(null)))
  expect(odd.envelope({ shared: false }).logLevel).toBeUndefined()
  expect(odd.noticeOf(logged('error'))).toBeNull()
})

test('a log is told, and its level asked for, under a grant of the level or of the whole server only', async () => {
  for (const era of ['modern', 'legacy'] as const) {
    const talk = talkOf(era)
    expect(talk.noticeOf(logged('error'))).toBeNull()
    expect(talk.envelope({ shared: true }).logLevel).toBeUndefined()
    for (const [toolName, hears] of [
      [null, true],
      ['method:logging/setLevel', true],
      ['get_order', false],
      ['method:resources', false],
    ] as const) {
      talk.begin(...(await callUnder(toolName)))
      expect(talk.noticeOf(logged('error')) !== null).toBe(hears)
      expect(talk.envelope({ shared: true }).logLevel).toBe(hears && era === 'modern' ? 'info' : undefined)
    }
  }
})

test('that a page is done is told before 2026-07-28 only, which has no word for it', async () => {
  const done = { method: 'notifications/elicitation/complete', params: { elicitationId: 'page' } }
  for (const [era, told] of [
    ['modern', null],
    ['legacy', done],
  ] as const) {
    const talk = talkOf(era)
    talk.begin(...(await callUnder('get_order')))
    expect(talk.noticeOf(done)).toEqual(told)
  }
})

test('what MCP does not know nobody is told, whatever is granted', async () => {
  const talk = talkOf('legacy')
  talk.begin(...(await callUnder(null)))
  expect(talk.noticeOf({ method: 'notifications/of_its_own' })).toBeNull()
})
