import { createServer } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { InsideAddress } from '#lib/core/guarded-lookup.ts'
import { listening } from '#lib/dev/test/broker.ts'
import { clientCredentialsToken } from './commands.ts'
import { oauthFetch, oauthFetchFor } from './http.ts'
import { authProblem } from './problem.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** Answers everything with a redirect to `target`, unless that is null; notes what it is asked. */
async function startServer(target: string | null) {
  const seen: string[] = []
  const http = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    if (target === null) response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    else response.writeHead(307, { location: target }).end()
  })
  stops.push(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  return { url: await listening(http), seen }
}

test('a secret that is posted goes nowhere else', async () => {
  const other = await startServer(null)
  const server = await startServer(`${other.url}/token`)
  await expect(oauthFetch(`${server.url}/token`, { method: 'POST', body: 'client_secret=x' })).rejects.toThrow()
  expect([server.seen, other.seen]).toEqual([['POST /token'], []])
})

test('metadata is read where a redirect leads, but not without end', async () => {
  const other = await startServer(null)
  const server = await startServer(`${other.url}/metadata`)
  expect((await oauthFetch(`${server.url}/metadata`)).status).toBe(200)
  expect(other.seen).toEqual(['GET /metadata'])
  const turning = await startServer('/again')
  expect((await oauthFetch(turning.url)).status).toBe(307)
  expect(turning.seen).toHaveLength(4)
})

test.each(['http://169.254.169.254/latest', 'http://[fd00:ec2::254]/latest', 'http://metadata.google.internal/'])(
  '%s is not asked, neither first nor after a redirect',
  async (target) => {
    await expect(oauthFetch(target)).rejects.toThrow('link-local')
    const server = await startServer(target)
    await expect(oauthFetch(server.url)).rejects.toThrow('link-local')
  },
)

test('what is answered without end is read to a limit, and its connection let go', async () => {
  let closed = false
  const http = createServer((_, response) => {
    response.once('close', () => (closed = true))
    response.writeHead(200, { 'content-type': 'application/json' })
    const pour = () => {
      while (!response.destroyed && response.write(' '.repeat(65_536)));
    }
    response.on('drain', pour)
    pour()
  })
  stops.push(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  const url = await listening(http)
  const error: unknown = await oauthFetch(url)
    .then((response) => response.json())
    .catch((error: unknown) => error)
  expect(authProblem(error).message).toContain('longer than anybody reads (1 MiB)')
  await expect.poll(() => closed).toBe(true)
})

describe('a server with an address outside', () => {
  const serverUrl = 'https://8.8.8.8/mcp'
  const inits = [{ method: 'GET' }, { method: 'POST', body: 'client_secret=x' }]

  test.each(inits)('names nothing inside, by its address or by a name, to $method', async (init) => {
    const { url, seen } = await startServer(null)
    for (const host of ['127.0.0.1', '[::ffff:127.0.0.1]', 'localhost', '2130706433'])
      await expect(oauthFetchFor({ serverUrl })(url.replace('127.0.0.1', host), init)).rejects.toThrow(InsideAddress)
    await expect(oauthFetchFor({ serverUrl, issuer: 'http://localhost:1' })(url, init)).rejects.toThrow(InsideAddress)
    expect(seen).toEqual([])
  })

  test('is led to the issuer that a person named, and from there to nothing else inside', async () => {
    const other = await startServer(null)
    const issuer = await startServer(`${other.url}/metadata`)
    const ask = oauthFetchFor({ serverUrl, issuer: issuer.url })
    await expect(ask(`${issuer.url}/metadata`)).rejects.toThrow(InsideAddress)
    expect([issuer.seen, other.seen]).toEqual([['GET /metadata'], []])
    const inside = oauthFetchFor({ serverUrl: 'http://localhost:1/mcp' })
    expect((await inside(`${issuer.url}/metadata`)).status).toBe(200)
  })

  test('gets no token over an address inside that it names, and the credential says why', async () => {
    const { url, seen } = await startServer(null)
    const wwwAuthenticate = `Bearer resource_metadata="${url}/.well-known/oauth-protected-resource"`
    const asked = clientCredentialsToken({
      serverUrl,
      settings: { clientId: 'app', method: 'client_secret_post' },
      keptIssuer: async (named) => named,
      secret: JSON.stringify({ clientSecret: 'x' }),
      challenge: { status: 401, wwwAuthenticate },
      heldScope: null,
    })
    await expect(asked).rejects.toThrow(/names one inside/)
    expect(seen).toEqual([])
  })

  test('gets one over an authorization server inside that a person named, if that keeps to itself', async () => {
    const elsewhere = await startServer(null)
    const posted: string[] = []
    let tokenEndpoint = ''
    const http = createServer((request, response) => {
      const { issuer } = at
      const answers: Record<string, object> = {
        '/resource': { resource: serverUrl, authorization_servers: [issuer] },
        '/.well-known/oauth-authorization-server': {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: tokenEndpoint,
          response_types_supported: ['code'],
        },
        '/token': { access_token: 'given', token_type: 'Bearer' },
      }
      if (request.method === 'POST') posted.push(request.url ?? '')
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answers[request.url ?? '']))
    })
    stops.push(async () => {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    })
    const at = { issuer: await listening(http) }
    const ask = (settings: object) =>
      clientCredentialsToken({
        serverUrl,
        settings: { clientId: 'app', method: 'client_secret_post', issuer: at.issuer, ...settings },
        secret: JSON.stringify({ clientSecret: 'x' }),
        challenge: { status: 401, wwwAuthenticate: `Bearer resource_metadata="${at.issuer}/resource"` },
        heldScope: null,
      })
    tokenEndpoint = `${elsewhere.url}/token`
    await expect(ask({})).rejects.toThrow(/names one inside/)
    expect([posted, elsewhere.seen]).toEqual([[], []])
    tokenEndpoint = `${at.issuer}/token`
    expect((await ask({})).accessToken).toBe('given')
    // Named by the server alone it counts for nothing.
    await expect(ask({ issuerFrom: 'server' })).rejects.toThrow(/names one inside/)
  })
})
