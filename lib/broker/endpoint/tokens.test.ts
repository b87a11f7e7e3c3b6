import { generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { TokenVerifier } from './tokens.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const start = new Date('2026-07-01T12:00:00Z')
const later = (minutes: number) => new Date(start.getTime() + minutes * 60_000)

function verifierOf() {
  return new TokenVerifier({
    issuer: 'https://portal.example.com',
    broker: 'https://broker.example.com/mcp',
    keys: new Map([['k1', { key: publicKey, until: later(600).getTime() }]]),
    revoked: new Set(),
  })
}

const tokenAt = (from: Date, agentId: string) =>
  new SignJWT({ agent_version: 1, run: 'r', client_id: 'run:r', jti: `${agentId} ${from.toISOString()}` })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' })
    .setIssuer('https://portal.example.com')
    .setSubject(agentId)
    .setAudience('https://broker.example.com/mcp')
    .setNotBefore(from)
    .setExpirationTime(new Date(from.getTime() + 15 * 60_000))
    .sign(privateKey)

test('tokens that have expired are forgotten as new ones come, however many agents renew theirs', async () => {
  const verifier = verifierOf()
  for (let minutes = 0; minutes <= 80; minutes += 8) {
    for (const agentId of ['one', 'two', 'three']) {
      const token = await tokenAt(later(minutes), agentId)
      expect(await verifier.verify(token, later(minutes))).toMatchObject({ ok: true, value: { agentId } })
    }
    // Of each agent the present one, and the one before while it is valid.
    expect(verifier.remembered).toBeLessThanOrEqual(6)
  }
})

test('a token that is remembered is refused once it has expired', async () => {
  const verifier = verifierOf()
  const token = await tokenAt(start, 'one')
  expect(await verifier.verify(token, start)).toMatchObject({ ok: true })
  const refused = { denial: { rule: 'token_expired' }, holder: { agentId: 'one' } }
  expect(await verifier.verify(token, later(16))).toMatchObject({ ok: false, error: refused })
  expect(verifier.remembered).toBe(0)
})

test('whose a token is that does not count any more is known only when the signature is ours', async () => {
  const verifier = verifierOf()
  const token = await tokenAt(start, 'one')
  expect(await verifier.verify(token, later(-30))).toMatchObject({
    error: { denial: { rule: 'token_not_yet_valid' }, holder: { agentId: 'one', clientId: 'run:r' } },
  })
  const forged = `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(86)}`
  for (const minutes of [-30, 0, 30]) {
    const refused = { denial: { rule: 'token_invalid' }, holder: null }
    expect(await verifier.verify(forged, later(minutes))).toMatchObject({ ok: false, error: refused })
  }
})
