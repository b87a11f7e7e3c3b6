import cedar from '@cedar-policy/cedar-wasm/nodejs'
import { expect, test } from 'vitest'
import type { ToolCall } from '../rules/facts.ts'
import { candidateVerdict } from '../rules/candidate.ts'
import { decide } from '../rules/decide.ts'
import type { PolicyQuestion } from '../rules/policy-set.ts'
import { loadPolicySet } from '../queries/policy-source.ts'
import { cedarProblem, withCedar } from './engine.ts'

const question: PolicyQuestion = {
  agent: { id: 'a', teamId: 't', tier: 'low', templateId: null },
  server: { id: 's', environment: 'production', sensitivity: 'internal', demo: false },
  tool: { serverId: 's', name: 'w', class: 'write' },
  grants: [{ id: 'g', serverId: 's', class: 'write', toolName: null, via: 'request', expiresAt: null }],
  simulated: false,
  breakGlass: false,
  session: null,
  clock: { hour: 12, weekday: 3 },
}

test('once Cedar is broken every set refuses and says so, one in log-only has no verdict, and a stop still stops', async () => {
  const [set, candidate] = [await loadPolicySet(), await loadPolicySet()]
  expect(set.judge(question)).toBeNull()
  const deep = `${'('.repeat(1000)}true${')'.repeat(1000)}`
  const text = `forbid (principal, action, resource) when { ${deep} };`
  expect(() => withCedar(() => cedar.policyToJson(text))).toThrow()
  expect(cedarProblem()).toContain('started anew')
  expect(set.problem).toBe(cedarProblem())
  expect(set.judge(question)).toBe('policy_error')
  expect(candidateVerdict(candidate, question, null)).toEqual({ version: candidate.version, rule: null, unread: true })
  const grant = question.grants[0]!
  const tool = { ...question.tool, state: 'approved' as const }
  const agent = { ...question.agent, name: 'A', currentVersion: 1, status: 'active', statusReason: null, grants: [grant], budget: null, spent: null } // prettier-ignore
  const server = { ...question.server, name: 'S', enabled: true, tools: new Map([['w', tool]]) }
  const view = {
    agents: new Map([['a', agent]]),
    servers: new Map([['s', server]]),
    runs: new Map(),
    stops: [],
    holdRules: [],
    policies: set,
    candidate,
  } as never as Parameters<typeof decide>[1]
  const call: ToolCall = { caller: { agentId: 'a', version: 1, runId: null }, serverId: 's', tool: 'w' }
  expect(decide(call, view, new Date())).toMatchObject({ ok: false, error: { rule: 'policy_error' } })
  const stop = { id: 'o', scope: 'agent', targetId: 'a', orderedBy: 'B', reason: 'Stop.' }
  const stopped = { ...view, stops: [stop] } as never as Parameters<typeof decide>[1]
  expect(decide(call, stopped, new Date())).toMatchObject({ ok: false, error: { rule: 'killed' } })
})

test('a set in log-only that throws is no part of what becomes of a call', () => {
  const judge = () => {
    throw new Error('broken')
  }
  const candidate = { version: 'v', problem: null, judge, wordsOf: () => null }
  expect(candidateVerdict(candidate, question, null)).toEqual({ version: 'v', rule: null, unread: true })
})
