import { expect, test } from 'vitest'
import { refuseToken, type TokenFacts } from './agent-token-rules.ts'
import { parseTokenRequest } from './agent-token-request.ts'

const agent = { id: 'reconciler', ownerTeamId: 'finance', status: 'active', statusReason: null }
const run = { agentId: 'reconciler', agentVersion: 3, state: 'running' }
const facts = (change: Partial<TokenFacts> = {}): TokenFacts => ({ agent, stops: [], ...change })
const rule = (change: Partial<TokenFacts>) => refuseToken(facts(change), 'reconciler')?.rule

test('an active agent that is not stopped gets a token, and in a session only in an open run of its version', () => {
  expect(rule({})).toBeUndefined()
  expect(rule({ session: { version: 3, run } })).toBeUndefined()
  expect(rule({ session: { version: 2, run } })).toBe('version_mismatch')
  expect(rule({ session: { version: 3, run: { ...run, state: 'stopping' } } })).toBe('run_not_open')
  expect(rule({ session: { version: 3, run: { ...run, agentId: 'other' } } })).toBe('run_not_open')
  expect(rule({ session: { version: 3, run: null } })).toBe('run_not_open')
})

test('nobody else gets one: unregistered, provisioning, suspended, retired, or stopped itself, by team or by organization', () => {
  const stop = { orderedByName: 'Ola', reason: 'drill' }
  expect(rule({ agent: null })).toBe('agent_unknown')
  for (const status of ['provisioning', 'suspended', 'retired', 'something new']) {
    expect(rule({ agent: { ...agent, status } })).toBe('agent_not_active')
  }
  expect(rule({ stops: [{ ...stop, scope: 'organization', targetId: 'organization' }] })).toBe('killed')
  expect(rule({ stops: [{ ...stop, scope: 'team', targetId: 'finance' }] })).toBe('killed')
  expect(rule({ stops: [{ ...stop, scope: 'agent', targetId: 'reconciler' }] })).toBe('killed')
  expect(rule({ stops: [{ ...stop, scope: 'agent', targetId: 'another' }] })).toBeUndefined()
})

const contentType = 'application/x-www-form-urlencoded'
const parse = (body: string, authorization: string | null = null) =>
  parseTokenRequest({ authorization, contentType, body })

test('a request authenticates in one way, and form-encoded Basic halves are decoded', () => {
  const basic = `Basic ${Buffer.from('agent%3A1:se%2Bcret%20x').toString('base64')}`
  expect(parse('grant_type=client_credentials&resource=a&resource=b', basic)).toEqual({
    ok: true,
    value: {
      grant: { kind: 'client_credentials', proof: { kind: 'secret', clientId: 'agent:1', secret: 'se+cret x' } },
      resources: ['a', 'b'],
    },
  })
  const error = (body: string, authorization: string | null = null) => {
    const parsed = parse(body, authorization)
    return parsed.ok ? 'accepted' : parsed.error.error
  }
  expect(error('grant_type=client_credentials&client_id=a&client_secret=b', basic)).toBe('invalid_request')
  expect(error('grant_type=client_credentials&grant_type=client_credentials', basic)).toBe('invalid_request')
  expect(error('client_id=a&client_secret=b')).toBe('invalid_request')
  expect(error('grant_type=password', basic)).toBe('unsupported_grant_type')
  expect(error('grant_type=client_credentials')).toBe('invalid_client')
  expect(error('grant_type=client_credentials', 'Basic %%%')).toBe('invalid_client')
  expect(error('grant_type=client_credentials&client_assertion=a')).toBe('invalid_request')
})
