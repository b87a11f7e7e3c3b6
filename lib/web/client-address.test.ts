import { createServer } from 'node:http'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { clientAddress, ignoreForwardedFor } from './client-address.ts'

test('without a proxy nobody chooses the address they are counted by', async () => {
  const server = createServer((request, response) => {
    response.end(clientAddress(new Headers(request.headers as Record<string, string>)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  const ask = async (forwardedFor?: string) => {
    const headers = new Headers(forwardedFor === undefined ? [] : [['x-forwarded-for', forwardedFor]])
    return await (await fetch(url, { headers })).text()
  }
  expect(await ask('203.0.113.9')).toBe('203.0.113.9')
  const stop = ignoreForwardedFor()
  expect(await ask('203.0.113.9')).toBe('127.0.0.1')
  expect(await ask('203.0.113.9, 198.51.100.1')).toBe('127.0.0.1')
  expect(await ask()).toBe('127.0.0.1')
  stop()
  expect(await ask('203.0.113.9, 198.51.100.1')).toBe('198.51.100.1')
  server.closeAllConnections()
  server.close()
})
