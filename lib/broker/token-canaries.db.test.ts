import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose'
import { afterEach, expect } from 'vitest'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { Db } from '#lib/db/client.ts'
import { testAuthority } from '#lib/dev/test/certificates.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { enterpriseClient, idpClient, startEnterprise } from '#lib/dev/test/enterprise.ts'
import { startWorkloadWorld, workload } from '#lib/dev/test/workload.ts'
import type { SetServerCredentialInput } from '#lib/registry/schema.ts'
import type { UpstreamToken } from '#lib/upstreams/commands.ts'
import { everyRow, secretsFound, startWatched, viewsOf } from './testing/canary-watch.ts'
import {
  authorized,
  call,
  echo,
  protectedServer,
  registered,
  secretBox,
  servedOverTls,
  set,
  stateOf,
  stopAll,
  stops,
} from './testing/credential-world.ts'

afterEach(stopAll)

type Agent = Awaited<ReturnType<typeof registered>>['agent']
/** A server with its credential, what it says in its answers, and what must never be seen. */
type World = {
  serverId: string
  agent: Agent
  /** What it and its authorization server know by now. */
  known: () => Iterable<string>
  /** Secret, and known to nobody but the broker. */
  own?: readonly string[]
  /** The next call needs another token. */
  renew?: () => unknown
}

const clientSecret = 'canary/of+the-client-secret=="q'
const confidential = {
  client_id: 'wheelhouse',
  client_secret: clientSecret,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
}

/** In every call it says all it knows, as it is and encoded, every other time as an error. */
function teller(known: () => Iterable<string>): () => string {
  let times = 0
  return () => {
    const said = [...known()].flatMap((secret) => [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)]) // prettier-ignore
    const text = `It knows ${JSON.stringify(said)}.`
    if ((times += 1) % 2 === 0) throw new Error(text)
    return text
  }
}

async function ofClient(db: Db, proof?: 'any' | 'nonce', method = 'client_secret_basic'): Promise<World> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const pem = await exportPKCS8(privateKey)
  const byKey = method === 'private_key_jwt'
  const known = new Set(byKey ? [] : [clientSecret])
  const upstream = await protectedServer({
    clients: [
      byKey
        ? {
            ...confidential,
            client_secret: undefined,
            token_endpoint_auth_method: method,
            token_endpoint_auth_signing_alg: 'ES256',
            jwks: { keys: [{ ...(await exportJWK(publicKey)), use: 'sig' }] },
          }
        : { ...confidential, token_endpoint_auth_method: method },
    ] as never,
    ...(proof && { proof }),
    says: () => `It knows ${[...known].join(' ')}`,
    tool: teller(() => known),
  })
  const { serverId, agent } = await registered(db, upstream.url)
  const shown = byKey ? { privateKey: pem } : { clientSecret }
  await set(db, {
    serverId,
    kind: 'oauth_client',
    clientId: 'wheelhouse',
    method,
    ...shown,
  } as SetServerCredentialInput)
  const all = () => {
    for (const secret of [...upstream.secrets, ...upstream.tokens]) known.add(secret)
    return known
  }
  return {
    serverId,
    agent,
    known: all,
    own: pem.split('\n').slice(1, 2),
    renew: () => upstream.revoke(upstream.tokens.at(-1)!),
  }
}

async function ofPerson(db: Db, proof?: 'any'): Promise<World> {
  const known = new Set<string>()
  const upstream = await protectedServer({ ...(proof && { proof }), tool: teller(() => known) })
  const { serverId, agent } = await authorized(db, upstream)
  const { id, tokens } = await stateOf(db, serverId)
  const sealed = await secretBox.open(tokens!, sealContexts.upstreamTokens(id))
  const { dpopKey } = JSON.parse(sealed) as UpstreamToken
  const all = () => {
    for (const secret of [...upstream.secrets, ...upstream.tokens]) known.add(secret)
    return known
  }
  all()
  const renew = () => upstream.revoke(upstream.tokens.at(-1)!)
  return { serverId, agent, known: all, own: dpopKey?.d ? [dpopKey.d] : [], renew }
}

async function ofEnterprise(db: Db, identity: 'idToken' | 'refreshToken'): Promise<World> {
  const world = await startEnterprise()
  stops.push(() => world.stop())
  const { serverId, agent } = await registered(db, world.url)
  const { idpIssuer, issuer } = world
  const given = await world[identity]()
  const known = () => [...world.secrets, given, enterpriseClient.clientSecret, idpClient.idpClientSecret]
  world.says = teller(known)
  const common = { serverId, kind: 'oauth_enterprise', idpIssuer, issuer, ...enterpriseClient, ...idpClient }
  await set(db, { ...common, [identity]: given } as SetServerCredentialInput)
  return { serverId, agent, known, renew: () => world.revokeAll() }
}

async function ofWorkload(db: Db, way: 'signed' | 'given'): Promise<World> {
  const world = await startWorkloadWorld()
  stops.push(() => world.stop())
  const { serverId, agent } = await registered(db, world.url)
  const { issuer, privateKey } = world
  const assertion = await world.assertion()
  const known = () => [...world.secrets, ...(way === 'given' ? [assertion] : [])]
  world.says = teller(known)
  const input = way === 'given' ? { clientId: workload.clientId, assertion } : { ...workload, privateKey }
  await set(db, { serverId, kind: 'oauth_workload', issuer, ...input })
  const own = privateKey.split('\n').slice(1, 2)
  return { serverId, agent, known, own, ...(way === 'signed' && { renew: () => world.revokeAll() }) }
}

async function ofCertificate(db: Db): Promise<World> {
  const authority = await testAuthority()
  const own = await authority.issue('CN=localhost')
  const handle = toNodeHandler(createMcpHandler(() => echo(() => 'over tls')))
  const tls = {
    cert: own.certificate,
    key: own.privateKey,
    ca: authority.ca,
    requestCert: true,
    rejectUnauthorized: true,
  }
  const url = await servedOverTls(tls, (request, response) => void handle(request, response))
  const { serverId, agent } = await registered(db, url)
  const issued = await authority.issue('CN=wheelhouse')
  await set(db, { serverId, kind: 'mtls', ...issued, ca: authority.ca })
  return { serverId, agent, known: () => [], own: issued.privateKey.split('\n').slice(1, 3) }
}

const kinds: Record<string, (db: Db) => Promise<World>> = {
  'a client certificate': ofCertificate,
  'an OAuth client (client_secret_basic)': (db) => ofClient(db),
  'an OAuth client (client_secret_post)': (db) => ofClient(db, undefined, 'client_secret_post'),
  'an OAuth client (private_key_jwt)': (db) => ofClient(db, undefined, 'private_key_jwt'),
  'an OAuth client with proofs': (db) => ofClient(db, 'nonce'),
  'tokens that a person authorized': (db) => ofPerson(db),
  'tokens that a person authorized, with proofs': (db) => ofPerson(db, 'any'),
  'an identity assertion from an ID token': (db) => ofEnterprise(db, 'idToken'),
  'an identity assertion from a refresh token': (db) => ofEnterprise(db, 'refreshToken'),
  'a workload’s signed assertion': (db) => ofWorkload(db, 'signed'),
  'a workload’s given assertion': (db) => ofWorkload(db, 'given'),
}

for (const [name, make] of Object.entries(kinds)) {
  dbTest(`nothing secret of ${name} is seen, though its server says all it knows`, async ({ db, databaseUrl }) => {
    const world = await make(db)
    const watched = await startWatched({ db, databaseUrl })
    const answers: string[] = []
    try {
      const { serverId, agent } = world
      const ask = async () => {
        for (let times = 0; times < 2; times += 1) {
          world.known()
          const { text, headers } = await call(db, watched, { serverId, agent })
          answers.push(text, JSON.stringify([...headers]))
        }
      }
      await ask()
      if (world.renew) {
        await world.renew()
        await ask()
        await ask()
      }
      const known = [...world.known()]
      answers.push(...(await watched.metrics()))
      const places = {
        answers,
        records: await everyRow(db),
        logs: watched.lines,
        views: await viewsOf(db, [serverId]),
      }
      const all = [...known, ...(world.own ?? [])]
      expect(all.length).toBeGreaterThan(0)
      const secrets = Object.fromEntries(all.map((secret, index) => [`secret ${index}`, secret]))
      if (known.length > 0) expect(answers.join('\n')).toContain('[redacted]')
      expect(secretsFound(places, secrets)).toEqual([])
      await watched.stop()
      // The last spans leave when it stops.
      expect(watched.spans.length).toBeGreaterThan(0)
      expect(secretsFound({ spans: watched.spans, logs: watched.lines }, secrets)).toEqual([])
    } finally {
      await watched.stop()
    }
  })
}
