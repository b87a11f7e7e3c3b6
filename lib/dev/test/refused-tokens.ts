import { exportSPKI, generateKeyPair, importJWK } from 'jose'
import { rotateSigningKey } from '#lib/auth/commands/signing-keys.ts'
import type { Db } from '#lib/db/client.ts'
import { secretBox, type TestAgent } from './broker.ts'
import { clientKey, systemCtx } from './tokens.ts'
import { credentialToken, platformKey, signed, tokenClaims } from './forged-tokens.ts'

// Which tokens are none at the broker's door, and why that matters: one row a kind.

type Given = { db: Db; url: string; agent: TestAgent }
/** Headers of the request; a string is a bearer token. */
type Presented = string | Record<string, string>
export type Refusal = {
  what: string
  /** What would break if this were let in. */
  guarantee: string
  present: (given: Given) => Promise<Presented> | Presented
  rule: string
  /** Default: 401, `invalid_token` in the scheme Bearer. */
  status?: number
  error?: string | null
  scheme?: 'Bearer' | 'DPoP'
  /** The audit row names the agent, or another one: the token is a real one of it. Left out: it names nobody. */
  named?: true | ((given: Given) => string)
}

export const forged = async ({ db, url, agent }: Given, changes: Record<string, unknown> = {}, header = {}) => {
  const { privateKey, kid } = await platformKey(db)
  const claims = tokenClaims(url, { sub: agent.agentId, ...changes })
  return await signed({ privateKey, claims, header: { kid, ...header } })
}
const reencoded = (token: string, header: Record<string, unknown>, signature = '') =>
  `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${token.split('.')[1]}.${signature}`

export const refusedTokens: Refusal[] = [
  {
    what: 'no token',
    guarantee: 'nobody calls without saying who they are',
    present: () => ({}),
    rule: 'token_missing',
    error: null,
  },
  {
    what: 'another scheme',
    guarantee: 'a password is not taken for a token',
    present: () => ({ authorization: 'Basic YTpi' }),
    rule: 'token_missing',
    error: null,
  },
  {
    what: 'a malformed header',
    guarantee: 'what cannot be a token is not read as one',
    present: () => ({ authorization: 'Bearer two tokens' }),
    rule: 'token_invalid',
  },
  {
    what: 'no JWT',
    guarantee: 'only signed tokens count',
    present: () => 'not-a-jwt',
    rule: 'token_invalid',
  },
  {
    what: 'the audience of another service',
    guarantee: 'a token for elsewhere cannot be replayed here',
    present: (given) => forged(given, { aud: 'https://elsewhere.test/mcp' }),
    rule: 'token_wrong_audience',
    named: true,
  },
  {
    what: 'the audience of another server',
    guarantee: 'a token narrowed to one server (RFC 8707) does not open another',
    present: async ({ db, url, agent }) =>
      (await credentialToken(db, { brokerUrl: url, agentId: agent.agentId, resource: `${url}/mcp/legacy` })).token,
    rule: 'token_wrong_audience',
    named: true,
  },
  {
    what: 'another issuer',
    guarantee: 'only the portal speaks for agents, even with a key of ours',
    present: (given) => forged(given, { iss: 'https://elsewhere.test' }),
    rule: 'token_wrong_issuer',
    named: true,
  },
  {
    what: 'an expired token',
    guarantee: 'a token that leaks is soon worth nothing',
    present: (given) => forged(given, { exp: 1_700_000_000 }),
    rule: 'token_expired',
    named: true,
  },
  {
    what: 'a token of the future',
    guarantee: 'tokens cannot be laid up',
    present: (given) => forged(given, { nbf: 4_000_000_000 }),
    rule: 'token_not_yet_valid',
    named: true,
  },
  {
    what: 'an expired token with another signature',
    guarantee: 'nobody is put on record in the name of an agent by a token that is not its own',
    async present({ db, url, agent }) {
      const { privateKey } = await generateKeyPair('EdDSA')
      const { kid } = await platformKey(db)
      const claims = tokenClaims(url, { sub: agent.agentId, exp: 1_700_000_000 })
      return signed({ privateKey, claims, header: { kid } })
    },
    rule: 'token_invalid',
  },
  {
    what: 'no expiry',
    guarantee: 'no token is for ever',
    present: (given) => forged(given, { exp: undefined }),
    rule: 'token_invalid',
  },
  {
    what: 'no agent',
    guarantee: 'a token without a subject is nobody’s',
    present: (given) => forged(given, { sub: undefined }),
    rule: 'token_invalid',
  },
  {
    what: 'no client',
    guarantee: 'every token can be ended with its credential',
    present: (given) => forged(given, { client_id: undefined }),
    rule: 'token_invalid',
  },
  {
    what: 'a confirmation of an unknown kind',
    guarantee: 'a binding that cannot be checked is not ignored',
    present: (given) => forged(given, { cnf: { 'x5t#S256': 'abc' } }),
    rule: 'token_invalid',
  },
  {
    what: 'alg none',
    guarantee: 'unsigned is refused, whatever the header says',
    present: async (given) =>
      reencoded(await forged(given), { alg: 'none', typ: 'at+jwt', kid: (await platformKey(given.db)).kid }),
    rule: 'token_invalid',
  },
  ...(['JWK', 'PEM', 'bytes'] as const).map((form): Refusal => ({
    what: `HS256 with the public key as ${form}`,
    guarantee: 'a public key is never a shared secret',
    async present({ db, url, agent }) {
      const { kid, publicJwk } = await platformKey(db)
      const pem = await exportSPKI((await importJWK(publicJwk, 'EdDSA')) as CryptoKey)
      const secret = { JWK: JSON.stringify(publicJwk), PEM: pem, bytes: Buffer.from(publicJwk.x!, 'base64url') }[form]
      const claims = tokenClaims(url, { sub: agent.agentId })
      return await signed({ privateKey: Buffer.from(secret), claims, header: { kid, alg: 'HS256' } })
    },
    rule: 'token_invalid',
  })),
  {
    what: 'a key of another curve under our kid',
    guarantee: 'the key decides the algorithm, not the header',
    async present({ db, url, agent }) {
      const { privateKey } = await generateKeyPair('ES256')
      const { kid } = await platformKey(db)
      return signed({ privateKey, claims: tokenClaims(url, { sub: agent.agentId }), header: { kid, alg: 'ES256' } })
    },
    rule: 'token_invalid',
  },
  {
    what: 'another Ed25519 key under our kid',
    guarantee: 'a name is no signature',
    async present({ db, url, agent }) {
      const { privateKey } = await generateKeyPair('EdDSA')
      const { kid } = await platformKey(db)
      return signed({ privateKey, claims: tokenClaims(url, { sub: agent.agentId }), header: { kid } })
    },
    rule: 'token_invalid',
  },
  {
    what: 'the kid of another key of ours',
    guarantee: 'a token verifies with the key it names and no other',
    async present(given) {
      const { kid } = await rotateSigningKey(systemCtx(given.db), { secretBox, reason: 'a test', withdraw: false })
      return await forged(given, {}, { kid })
    },
    rule: 'token_invalid',
  },
  {
    what: 'an embedded jwk',
    guarantee: 'a token does not bring its own key',
    async present({ url, agent }) {
      const key = await clientKey()
      const claims = tokenClaims(url, { sub: agent.agentId })
      return signed({ privateKey: key.privateKey, claims, header: { alg: 'ES256', jwk: key.publicJwk } })
    },
    rule: 'token_invalid',
  },
  {
    what: 'a jku of somebody else',
    guarantee: 'a token does not say where its key is',
    async present({ url, agent }) {
      const { privateKey } = await generateKeyPair('EdDSA')
      const header = { kid: 'theirs', jku: 'http://127.0.0.1:9/keys' }
      return signed({ privateKey, claims: tokenClaims(url, { sub: agent.agentId }), header })
    },
    rule: 'token_invalid',
  },
  {
    what: 'another type of token',
    guarantee: 'nothing else we sign passes for an access token',
    present: (given) => forged(given, {}, { typ: 'JWT' }),
    rule: 'token_invalid',
  },
  {
    what: 'a changed signature',
    guarantee: 'one bit is enough to be refused',
    present: async (given) => `${await forged(given)}x`,
    rule: 'token_invalid',
  },
]
