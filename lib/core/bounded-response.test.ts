import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { boundedResponse } from './bounded-response.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

const text = 'x'.repeat(100_000)

async function startServer() {
  let closed = 0
  const http = createServer((request, response) => {
    response.once('close', () => (closed += Number(!response.writableFinished)))
    if (request.url === '/none') return void response.writeHead(204).end()
    if (request.url === '/packed')
      return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text))
    response.writeHead(201, { 'content-type': 'text/plain', 'x-kept': 'yes' })
    if (request.url === '/whole') return void response.end(text)
    const pour = () => {
      while (!response.destroyed && response.write(text));
    }
    response.on('drain', pour)
    pour()
  })
  stops.push(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, closed: () => closed }
}

test('what is within its bound passes as it is', async () => {
  const { url } = await startServer()
  const response = boundedResponse(await fetch(`${url}/whole`), 100_000)
  expect([response.status, response.headers.get('x-kept'), response.url]).toEqual([201, 'yes', `${url}/whole`])
  expect(await response.text()).toBe(text)
  expect((await boundedResponse(await fetch(`${url}/none`), 1).text()).length).toBe(0)
})

test('what goes on without end breaks off, and so does its connection', async () => {
  const { url, closed } = await startServer()
  let told = 0
  const response = boundedResponse(await fetch(`${url}/endless`), 150_000, () => (told += 1))
  await expect(response.text()).rejects.toThrow('The answer is longer than 150000 bytes.')
  expect(told).toBe(1)
  await expect.poll(closed).toBe(1)
})

test('what is packed counts as it is unpacked', async () => {
  const { url } = await startServer()
  expect(await boundedResponse(await fetch(`${url}/packed`), 100_000).text()).toBe(text)
  await expect(boundedResponse(await fetch(`${url}/packed`), 99_999).json()).rejects.toThrow('99999')
})
