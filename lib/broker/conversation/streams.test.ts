import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { loadPolicySet } from '#lib/guardrails/queries.ts'
import type { AgentRow } from '#lib/guardrails/queries/facts-sql.ts'
import { type PolicySet, refusingPolicySet } from '#lib/guardrails/rules/policy-set.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { ServerRow } from '../view/rows.ts'
import { BrokerView } from '../view/view.ts'
import { AgentStreams } from './streams.ts'

const now = new Date('2026-11-22T10:10:00Z')
const minutes = (count: number): Date => new Date(now.getTime() + count * 60_000)
const serverCount = 6
const methods = ['prompts/list', 'resources/list', 'resources/subscribe']
/** What a merged stream asks about at each server: three methods that read, and a tool. */
const asked = (methods.length + 1) * serverCount

let judged: PolicySet['judge']
let view: BrokerView
beforeEach(async () => {
  const policies = await loadPolicySet()
  judged = vi.spyOn(policies, 'judge')
  view = new BrokerView()
  view.policies = policies
  view.putServers(serverIds('a').map((id) => serverRow(id)))
  view.putServers(serverIds('b').map((id) => serverRow(id)))
})

const serverIds = (group: string) => Array.from({ length: serverCount }, (_, at) => `${group}${at}`)

function serverRow(id: string, tools: readonly string[] = ['look']): ServerRow {
  return {
    ...{
      id,
      name: id,
      environment: 'staging',
      sensitivity: 'internal',
      enabled: true,
      statusReason: null,
      demo: false,
      url: '',
    },
    ...{ maskSecrets: false, blockMarked: false, isPrivate: false, callsPerSecond: null, callDeadlineSeconds: null },
    ...{ resultBytesMax: null, resultDepthMax: null, stdio: null, credentials: [] },
    tools: tools.map((name) => ({ name, class: 'read', state: 'approved', definition: { name } })),
  }
}

function agentRow(id: string, group: string, change: { expiresAt?: Date; tier?: 'low' | 'medium' } = {}): AgentRow {
  const { expiresAt = null, tier = 'medium' } = change
  const grants = serverIds(group).map((serverId, at) => ({
    ...{
      id: `${id}-${at}`,
      serverId,
      class: 'read' as const,
      toolName: null,
      via: 'request',
      conditions: [],
      rate: null,
    },
    expiresAt: expiresAt?.toISOString() ?? null,
  }))
  const about = { name: id, teamId: 'team', status: 'active', statusReason: null, currentVersion: 1 } as const
  return { id, ...about, tier, grants }
}

type Told = { changes: number; end: Denial | null | undefined }

/** Opens merged streams, one for each agent of a group. */
function opened(streams: AgentStreams, group: string, count: number): Told[] {
  const caller = (at: number) => ({ agentId: `${group}-agent-${at}`, version: 1, runId: null })
  view.putAgents(Array.from({ length: count }, (_, at) => agentRow(caller(at).agentId, group)))
  return Array.from({ length: count }, (_, at) => {
    const told: Told = { changes: 0, end: undefined }
    const reads = serverIds(group).flatMap((serverId) =>
      methods.map((tool) => ({ caller: caller(at), serverId, tool, isMethod: true as const })),
    )
    const stream = {
      ...{ caller: caller(at), serverId: null, reads },
      toolsChanged: () => void (told.changes += 1),
      end: (denial: Denial | null) => {
        told.end = denial
        remove()
      },
    }
    const remove = streams.add(stream, view, now)
    return told
  })
}

/** How many decisions a look at the registry costs once what it brought is carried out. */
async function costOf(streams: AgentStreams, at: Date = now): Promise<number> {
  vi.mocked(judged).mockClear()
  streams.recheck(view, at)
  await vi.waitFor(() => expect(streams.due).toBe(0), { timeout: 30_000 })
  return vi.mocked(judged).mock.calls.length
}

test('a look at the registry costs the decisions of what has changed, however many streams are open', async () => {
  const streams = new AgentStreams()
  const [first] = opened(streams, 'a', 20)
  opened(streams, 'b', 20)
  expect(await costOf(streams)).toBe(0)
  view.putAgents([agentRow('a-agent-0', 'a', { tier: 'low' })])
  expect(await costOf(streams)).toBe(asked)
  view.putServers([serverRow('b0', ['look', 'search'])])
  expect(await costOf(streams)).toBe(20 * (asked + 1))
  view.putAgents([agentRow('somebody-else', 'a')])
  view.putServers([serverRow('another-server')])
  view.putStops([{ id: 's1', scope: 'server', targetId: 'another-server', orderedBy: 'Ada', reason: 'a test' }])
  expect(await costOf(streams)).toBe(0)
  expect(first).toEqual({ changes: 0, end: undefined })
})

test('what concerns a stream reaches it: its tools, an end of its grants, an order at one of its servers', async () => {
  const streams = new AgentStreams()
  const [first, second] = opened(streams, 'a', 2) as [Told, Told]
  const [third] = opened(streams, 'b', 1) as [Told]
  view.putServers([serverRow('a1', ['look', 'search'])])
  await costOf(streams)
  expect([first.changes, second.changes, third.changes]).toEqual([1, 1, 0])

  view.putAgents([agentRow('a-agent-1', 'a', { expiresAt: minutes(5) })])
  await costOf(streams, minutes(4))
  expect([first.end, second.end]).toEqual([undefined, undefined])
  await costOf(streams, minutes(5))
  expect(first.end).toBeUndefined()
  expect(second.end?.rule).toBe('grant_expired')

  view.putStops([{ id: 's1', scope: 'server', targetId: 'b0', orderedBy: 'Ada', reason: 'a test' }])
  await costOf(streams, minutes(5))
  expect(first.end).toBeUndefined()
  expect(third.end?.rule).toBe('killed')
})

test('policies that look at the hour are asked again when it is over, others are not', async () => {
  const streams = new AgentStreams()
  opened(streams, 'a', 3)
  const until = view.policies.timed === false ? 0 : 3 * asked
  expect(await costOf(streams, minutes(60))).toBe(until)
  view.policies = { ...view.policies, judge: judged, timed: true }
  await costOf(streams, minutes(60))
  expect(await costOf(streams, minutes(100))).toBe(0)
  expect(await costOf(streams, minutes(110))).toBe(3 * asked)
})

test('other policies end every stream that they refuse, though not before calls had their turn', async () => {
  const streams = new AgentStreams()
  const told = opened(streams, 'a', 300)
  const { judge, ...set } = refusingPolicySet('other', 'a test')
  const clock = vi.spyOn(performance, 'now')
  onTestFinished(() => clock.mockRestore())
  let elapsed = 0
  // As long as policies take that were not asked before.
  clock.mockImplementation(() => (elapsed += 1))
  view.policies = { ...set, judge }
  streams.recheck(view, now)
  const ended = () => told.filter(({ end }) => end?.rule === 'policy_error').length
  expect(ended()).toBeLessThan(300)
  await vi.waitFor(() => expect(ended()).toBe(300), { timeout: 30_000 })
})
