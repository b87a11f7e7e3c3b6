import { createServer } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { listening } from '#lib/dev/test/broker.ts'
import { oauthFetch } from './http.ts'
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
