import { describe, expect, test } from 'vitest'
import { parseBrokerConfig } from './broker.ts'
import { parseClaudeServerConfig } from './claude.ts'
import { parsePortalConfig } from './portal.ts'
import { isLoopback } from './shared.ts'
import { parseStartConfig } from './start.ts'
import { parseWorkerConfig } from './worker.ts'

const key = Buffer.alloc(32, 7).toString('base64')
const portal = {
  DATABASE_URL: 'postgresql://db/wheelhouse',
  WHEELHOUSE_AUTH_SECRET: 'a'.repeat(40),
  WHEELHOUSE_ENCRYPTION_KEY: key,
  WHEELHOUSE_CLAUDE_KEY: 'b'.repeat(40),
}
const oidc = { OIDC_ISSUER: 'https://id.example.com/', OIDC_CLIENT_ID: 'wheelhouse', OIDC_CLIENT_SECRET: 'c' }

function problem(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return String(error)
  }
  return 'none'
}

describe('a wrong environment', () => {
  test('is told with every wrong variable at once', () => {
    const text = problem(() => parseBrokerConfig({ WHEELHOUSE_BROKER_PORT: 'x', WHEELHOUSE_ENCRYPTION_KEY: 'short' }))
    expect(text).toMatch(/DATABASE_URL/)
    expect(text).toMatch(/WHEELHOUSE_BROKER_PORT/)
    expect(text).toMatch(/WHEELHOUSE_ENCRYPTION_KEY/)
  })

  test('never shows the value of a secret', () => {
    const leaks = {
      ...portal,
      ...oidc,
      WHEELHOUSE_AUTH_SECRET: 'sekrit',
      WHEELHOUSE_ENCRYPTION_KEY: 'sekrit',
      DATABASE_URL: 'sekrit',
    }
    expect(problem(() => parsePortalConfig(leaks))).not.toMatch(/sekrit/)
  })

  test('a broker takes as many connections at once as is set, or 16,384', () => {
    expect(parseBrokerConfig(portal).connectionsMax).toBe(16_384)
    const set = (WHEELHOUSE_BROKER_CONNECTIONS: string) =>
      parseBrokerConfig({ ...portal, WHEELHOUSE_BROKER_CONNECTIONS })
    expect(set('100').connectionsMax).toBe(100)
    expect(problem(() => set('0'))).toContain('WHEELHOUSE_BROKER_CONNECTIONS')
  })

  test('unset, no more series of metrics are told apart than a scrape bears', () => {
    expect(parseBrokerConfig(portal).metricSeriesMax).toBe(1000)
  })

  test('the token of the npm registry is sent over https, or on this machine', () => {
    const sent = (WHEELHOUSE_NPM_REGISTRY: string) =>
      problem(() => parseWorkerConfig({ ...portal, WHEELHOUSE_NPM_REGISTRY, WHEELHOUSE_NPM_TOKEN: 'npm_sekrit' }))
    expect(sent('https://npm.example.com/npm')).toBe('none')
    expect(sent('http://127.0.0.1:4873')).toBe('none')
    expect(sent('http://npm.example.com')).toMatch(/https address[^]*WHEELHOUSE_NPM_REGISTRY/)
    expect(sent('http://npm.example.com')).not.toMatch(/sekrit/)
  })

  test('an empty value counts as unset', () => {
    expect(parseBrokerConfig({ ...portal, WHEELHOUSE_BROKER_PORT: '', WHEELHOUSE_BROKER_URL: '' }).port).toBe(7400)
  })
})

describe('sign-in', () => {
  test('with a provider', () => {
    const config = parsePortalConfig({ ...portal, ...oidc, OIDC_GROUP_ROLES: 'sec=security, ops=on_call' })
    expect(config.demo).toBe(false)
    expect(config.oidc?.groupRoles).toEqual([
      { group: 'sec', role: 'security' },
      { group: 'ops', role: 'on_call' },
    ])
  })

  test('neither provider nor demo refuses to start', () => {
    expect(problem(() => parsePortalConfig(portal))).toMatch(/Nobody could sign in/)
  })

  test.each([
    ['WHEELHOUSE_HOST', { WHEELHOUSE_HOST: '0.0.0.0' }],
    ['WHEELHOUSE_URL', { WHEELHOUSE_URL: 'https://wheelhouse.example.com' }],
  ])('demo personas beyond this machine refuse to start, naming %s', (name, env) => {
    const text = problem(() => parsePortalConfig({ ...portal, ...oidc, WHEELHOUSE_DEMO: 'true', ...env }))
    expect(text).toMatch(new RegExp(`without a password[^]*${name}`))
  })

  test.each([
    ['https://wheelhouse.example.com', 'none'],
    ['http://localhost:3000', 'none'],
    ['http://127.0.0.1:3000', 'none'],
    ['http://[::1]:3000', 'none'],
    ['http://wheelhouse.example.com', /WHEELHOUSE_URL/],
    ['http://10.0.0.7:3000', /WHEELHOUSE_URL/],
    ['http://localhost.example.com', /WHEELHOUSE_URL/],
  ])('on %s sessions never cross the network in the clear: %s', (url, outcome) => {
    const text = problem(() => parsePortalConfig({ ...portal, ...oidc, WHEELHOUSE_URL: url }))
    expect(text).toMatch(outcome)
    if (outcome !== 'none') expect(text).toMatch(/use https:/)
  })

  test('half a provider names what is missing', () => {
    const text = problem(() =>
      parsePortalConfig({ ...portal, OIDC_ISSUER: 'https://id.example.com', WHEELHOUSE_DEMO: 'true' }),
    )
    expect(text).toMatch(/OIDC_CLIENT_ID/)
    expect(text).toMatch(/OIDC_CLIENT_SECRET/)
  })
})

describe('addresses', () => {
  test('follow from the ports', () => {
    const config = parsePortalConfig({
      ...portal,
      WHEELHOUSE_DEMO: 'true',
      WHEELHOUSE_PORTAL_PORT: '3100',
      WHEELHOUSE_BROKER_PORT: '7500',
    })
    expect(config).toMatchObject({ url: 'http://localhost:3100', brokerUrl: 'http://localhost:7500' })
    expect(config.claude).toEqual({
      url: 'http://127.0.0.1:7410',
      apiKey: portal.WHEELHOUSE_CLAUDE_KEY,
      embedded: true,
      simulatedModel: true,
    })
  })

  test('a trailing slash never doubles', () => {
    expect(parseBrokerConfig({ ...portal, WHEELHOUSE_URL: 'https://wheelhouse.example.com/' }).url).toBe(
      'https://wheelhouse.example.com',
    )
  })

  test.each(['localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]'])('%s is loopback', (host) =>
    expect(isLoopback(host)).toBe(true),
  )
  test.each(['0.0.0.0', '10.0.0.1', '::', 'localhost.example.com', '127.0.0.1.example.com'])('%s is not', (host) =>
    expect(isLoopback(host)).toBe(false),
  )
})

describe('Claude', () => {
  test('Anthropic’s server with its key is neither embedded nor simulated', () => {
    const { claude } = parseWorkerConfig({
      ...portal,
      WHEELHOUSE_CLAUDE_URL: 'https://api.anthropic.com',
      ANTHROPIC_API_KEY: 'k',
    })
    expect(claude).toEqual({ url: 'https://api.anthropic.com', apiKey: 'k', embedded: false, simulatedModel: false })
  })

  test('the embedded server uses the real model as soon as there is a key', () => {
    const env = { ...portal, WHEELHOUSE_ENVIRONMENT_KEY: 'e'.repeat(40) }
    expect(parseClaudeServerConfig(env).model).toMatchObject({ url: 'http://127.0.0.1:7411', simulated: true })
    expect(parseClaudeServerConfig({ ...env, ANTHROPIC_API_KEY: 'k' }).model).toMatchObject({
      simulated: false,
      apiKey: 'k',
    })
  })
})

describe('the start program', () => {
  test('with nothing set is a local trial with demo data', () => {
    expect(parseStartConfig({})).toMatchObject({
      demo: true,
      embeddedClaude: true,
      simulatedModel: true,
      databaseUrl: null,
    })
  })

  test.each([{ DATABASE_URL: portal.DATABASE_URL }, oidc])(
    'with a database or a provider of one’s own has no demo data: %o',
    (env) => {
      expect(parseStartConfig({ ...oidc, ...env }).demo).toBe(false)
    },
  )

  test('a Claude address without a key is refused', () => {
    expect(problem(() => parseStartConfig({ WHEELHOUSE_CLAUDE_URL: 'https://api.anthropic.com' }))).toMatch(
      /ANTHROPIC_API_KEY/,
    )
  })
})
