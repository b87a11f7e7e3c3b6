import { expect, test } from 'vitest'
import { parsePortalConfig } from '#lib/config/portal.ts'
import { portalArguments } from './processes.ts'

test('the portal that is run alone listens where its variables say', () => {
  const config = parsePortalConfig({
    DATABASE_URL: 'postgresql://db/wheelhouse',
    WHEELHOUSE_AUTH_SECRET: 'a'.repeat(40),
    WHEELHOUSE_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    WHEELHOUSE_CLAUDE_KEY: 'b'.repeat(40),
    WHEELHOUSE_DEMO: 'true',
    WHEELHOUSE_HOST: '127.0.0.2',
    WHEELHOUSE_PORTAL_PORT: '3456',
  })
  const [next, ...rest] = portalArguments('/wheelhouse', 'start', config)
  expect(next).toMatch(/^\/wheelhouse\/.*next$/)
  expect(rest).toEqual(['start', '-p', '3456', '-H', '127.0.0.2'])
})
