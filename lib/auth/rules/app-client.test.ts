import { describe, expect, test } from 'vitest'
import { isClientDocumentAddress, readClientDocument, readClientMetadata, redirectMatches } from './app-client.ts'
import { authorizationAnswer, checkAuthorizationRequest, verifierMatches } from './app-request.ts'

describe('the redirect of an app', () => {
  const registered = [
    'https://claude.ai/api/mcp/auth_callback',
    'http://127.0.0.1/callback',
    'http://localhost/callback',
  ]

  test.each([
    'https://claude.ai/api/mcp/auth_callback',
    'http://127.0.0.1/callback',
    'http://127.0.0.1:53211/callback',
    'http://localhost:3118/callback',
  ])('%s is taken', (uri) => expect(redirectMatches(registered, uri)).toBe(true))

  test.each([
    'https://claude.ai/api/mcp/auth_callback/',
    'https://claude.ai:8443/api/mcp/auth_callback',
    'https://claude.ai/api/mcp/auth_callback?next=x',
    'https://claude.ai.evil.test/api/mcp/auth_callback',
    'http://claude.ai/api/mcp/auth_callback',
    'http://127.0.0.1:53211/callback/other',
    'http://127.0.0.2/callback',
    'http://[::1]/callback',
    'http://localhost.evil.test/callback',
    'http://user@127.0.0.1/callback',
    'http://127.0.0.1/callback#x',
    'javascript:alert(1)',
    'not an address',
  ])('%s is not', (uri) => expect(redirectMatches(registered, uri)).toBe(false))
})

describe('what an app says of itself', () => {
  const good = { client_name: 'Claude', redirect_uris: ['https://claude.ai/cb'], token_endpoint_auth_method: 'none' }

  test.each([
    [{}, /redirect_uris/],
    [{ redirect_uris: [] }, /redirect_uris/],
    [{ redirect_uris: ['http://claude.ai/cb'] }, /neither https nor http to this machine/],
    [{ redirect_uris: ['cursor://callback'] }, /neither https/],
    [{ redirect_uris: ['https://a.test/cb#x'] }, /fragment/],
    [{ ...good, grant_types: ['client_credentials'] }, /authorization_code/],
    [{ ...good, response_types: ['token'] }, /response_types/],
    ['text', /./],
  ])('%j is refused', (document, message) => {
    expect(readClientMetadata(document)).toMatchObject({
      ok: false,
      error: { rule: 'app:client_metadata', message: expect.stringMatching(message) as string },
    })
  })

  test('its name is shown without what could turn or hide other words', () => {
    const name = 'Clau\u202Ede\u0000\u200B'
    expect(readClientMetadata({ ...good, client_name: name })).toMatchObject({ ok: true, value: { name: 'Claude' } })
    expect(readClientMetadata({ ...good, client_name: '\u200B' })).toMatchObject({
      ok: true,
      value: { name: 'An app without a name' },
    })
  })

  test('a document is of its own address, and of a client without a secret', () => {
    const address = 'https://claude.ai/oauth/client'
    expect(readClientDocument(address, { ...good, client_id: address }).ok).toBe(true)
    const others = [
      { ...good, client_id: `${address}/` },
      good,
      { ...good, client_id: address, token_endpoint_auth_method: 'private_key_jwt' },
      { ...good, client_id: address, token_endpoint_auth_method: 'client_secret_basic' },
      null,
    ]
    for (const document of others) {
      expect(readClientDocument(address, document)).toMatchObject({ ok: false, error: { rule: 'app:client_document' } })
    }
  })

  test.each([
    ['https://claude.ai/oauth/client', true],
    ['http://claude.ai/oauth/client', false],
    ['https://claude.ai/', false],
    ['https://claude.ai/a/../client', false],
    ['https://CLAUDE.ai/client', false],
    ['https://claude.ai:443/client', false],
    ['https://user:x@claude.ai/client', false],
    ['https://claude.ai/client#x', false],
    ['app-abc', false],
  ])('%s as the address of a document: %s', (address, expected) => {
    expect(isClientDocumentAddress(address)).toBe(expected)
  })
})

describe('an authorization request', () => {
  const resource = 'https://broker.test/mcp/registry'
  const params = {
    response_type: 'code',
    client_id: 'app-x',
    redirect_uri: 'https://a.test/cb',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    resource,
  }

  test('asks for scopes that exist; without any it asks for all, and habits do not count', () => {
    const scopesOf = (scope?: string) => checkAuthorizationRequest({ ...params, scope }, { resource })
    expect(scopesOf('runs:read agents:read offline_access')).toMatchObject({
      ok: true,
      value: { scopes: ['agents:read', 'runs:read'] },
    })
    expect(scopesOf()).toMatchObject({ value: { scopes: ['agents:read', 'servers:read', 'fleet:read', 'runs:read'] } })
    expect(scopesOf('stops:order')).toMatchObject({ error: { error: 'invalid_scope', rule: 'app:scope_unknown' } })
  })

  test.each([
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ code_challenge_method: undefined }, 'invalid_request'],
    [{ code_challenge: undefined }, 'invalid_request'],
    [{ code_challenge: 'short' }, 'invalid_request'],
    [{ resource: undefined }, 'invalid_target'],
    [{ resource: 'https://broker.test/mcp' }, 'invalid_target'],
    [{ resource: 'https://broker.test/mcp/erp' }, 'invalid_target'],
  ])('%j is refused: %s', (change, error) => {
    expect(checkAuthorizationRequest({ ...params, ...change }, { resource })).toMatchObject({
      ok: false,
      error: { error },
    })
  })

  test('its verifier must be the one of the challenge (the example of RFC 7636)', () => {
    expect(verifierMatches('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk', params.code_challenge)).toBe(true)
    expect(verifierMatches('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl', params.code_challenge)).toBe(false)
    expect(verifierMatches('short', params.code_challenge)).toBe(false)
    expect(verifierMatches('', '')).toBe(false)
  })

  test('its answer keeps what the redirect had, and names its issuer', () => {
    const to = { redirectUri: 'https://a.test/cb?tenant=1', state: 's&t', issuer: 'https://portal.test' }
    expect(authorizationAnswer(to, { code: 'c' })).toBe(
      'https://a.test/cb?tenant=1&code=c&state=s%26t&iss=https%3A%2F%2Fportal.test',
    )
  })
})
