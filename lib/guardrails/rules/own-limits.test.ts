import { expect, test } from 'vitest'
import { explainRule } from './explain.ts'
import { bindingDeadline, bindingLimit, requestLimitsFor, withLimitOwner } from './own-limits.ts'
import { nextSteps } from './next-steps.ts'
import { requestTooDeep, requestTooLarge } from './request-limits.ts'

test('the lowest limit binds; of equal ones the one whose change would not be enough is not named', () => {
  expect(bindingLimit(100, {})).toEqual({ limit: 100, limitOf: 'platform' })
  expect(bindingLimit(100, { server: null, agent: null })).toEqual({ limit: 100, limitOf: 'platform' })
  expect(bindingLimit(100, { server: 50, agent: 20 })).toEqual({ limit: 20, limitOf: 'agent' })
  expect(bindingLimit(100, { server: 20, agent: 50 })).toEqual({ limit: 20, limitOf: 'server' })
  expect(bindingLimit(100, { server: 20, agent: 20 })).toEqual({ limit: 20, limitOf: 'server' })
  expect(bindingLimit(100, { server: 300, agent: 200 })).toEqual({ limit: 100, limitOf: 'platform' })
  expect(bindingLimit(100, { agent: 100 })).toEqual({ limit: 100, limitOf: 'platform' })
})

test('a server may be given more time than any other, an agent only less', () => {
  const brokers = { callDeadlineMs: 60_000 }
  expect(bindingDeadline(brokers, { server: 120, agent: null })).toEqual({ limit: 120_000, limitOf: 'server' })
  expect(bindingDeadline(brokers, { server: 120, agent: 90 })).toEqual({ limit: 90_000, limitOf: 'agent' })
  expect(bindingDeadline(brokers, { agent: 90 })).toEqual({ limit: 60_000, limitOf: 'platform' })
  expect(bindingDeadline(brokers, { server: 5, agent: 5 })).toEqual({ limit: 5000, limitOf: 'server' })
  expect(bindingDeadline(brokers, { server: 9000 })).toEqual({ limit: 600_000, limitOf: 'server' })
})

test('a refused request names the limit of its agent where that is the lower one', () => {
  const brokers = { requestBytesMax: 4000, requestDepthMax: 64 }
  expect(requestLimitsFor(brokers, { callDeadlineSeconds: 3 })).toBe(brokers)
  const own = requestLimitsFor(brokers, { requestBytesMax: 2000, requestDepthMax: 64 })
  expect(requestTooLarge(own)).toEqual({
    rule: 'request_too_large',
    message: 'A request of this agent may be 2000 bytes long.',
    facts: { limitName: 'requestBytesMax', limit: 2000, limitOf: 'agent' },
  })
  expect(requestTooDeep([[]], { requestDepthMax: 1, depthOf: 'agent' })?.message).toBe(
    'A request of this agent may be nested 1 levels deep.',
  )
  expect(requestTooLarge(requestLimitsFor(brokers, undefined)).message).toBe('A request may be 4000 bytes long.')
})

test('a rule says who set the limit that refused, who can change it, and where', () => {
  const about = { agent: { id: 'poster', name: 'Poster' }, server: { id: 'erp', name: 'ERP' } }
  const words = (limitOf: string) => withLimitOwner('upstream_deadline', explainRule('upstream_deadline'), { limitOf })
  expect(words('platform')).toEqual(explainRule('upstream_deadline'))
  expect(words('agent')).toMatchObject({
    setBy: 'Whoever set this limit of the agent',
    changedBy: { roles: ['team_lead', 'security', 'on_call', 'platform_admin'] },
    remedy: 'Ask for less at once, or have the limit of this agent raised.',
  })
  expect(words('server').changedBy.roles).toEqual(['security', 'platform_admin'])
  expect(nextSteps('result_too_large', about, { limitOf: 'agent' })[0]).toEqual({
    link: '/agents/poster/scopes',
    label: 'Limits of Poster',
  })
  expect(nextSteps('result_too_large', about, { limitOf: 'server' })[0]).toEqual({
    link: '/servers/erp',
    label: 'Limits of ERP',
  })
  expect(nextSteps('result_too_large', about)[0]).toEqual({ link: '/servers/erp', label: 'Tools of ERP' })
})
