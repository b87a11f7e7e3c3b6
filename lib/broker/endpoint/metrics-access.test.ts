import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { metricsRefusal } from './metrics-access.ts'

function statusFor(token: string | null, { from = '127.0.0.1', ...headers }: Record<string, string> = {}) {
  const request = { headers, socket: { remoteAddress: from } } as unknown as IncomingMessage
  return metricsRefusal(request, token)?.status ?? 200
}

test('without a token only this machine reads the metrics, and nobody through a proxy on it', () => {
  for (const from of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) expect(statusFor(null, { from })).toBe(200)
  for (const from of ['10.0.0.1', '::ffff:10.0.0.1', 'fd00::1', '']) expect(statusFor(null, { from })).toBe(403)
  for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'])
    expect(statusFor(null, { [name]: '127.0.0.1' })).toBe(403)
  expect(statusFor(null, { from: '10.0.0.1', 'x-forwarded-for': '127.0.0.1' })).toBe(403)
})

test('with a token it must be shown, from everywhere', () => {
  const token = 'a token of some length'.replaceAll(' ', '-')
  expect(statusFor(token)).toBe(401)
  for (const wrong of [`Bearer ${token}x`, `Basic ${token}`, 'Bearer ', token])
    expect(statusFor(token, { authorization: wrong })).toBe(401)
  expect(statusFor(token, { from: '10.0.0.1', authorization: `Bearer ${token}`, 'x-forwarded-for': '10.0.0.2' })).toBe(
    200,
  )
})
