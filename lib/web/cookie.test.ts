import { expect, test } from 'vitest'
import { openSessionCookie, sealSessionId, sessionCookieName, sessionCookieOptions } from './cookie.ts'

const settings = { url: 'https://wheelhouse.corp.example', authSecret: 'a'.repeat(32) }
const sessionId = '0198c0de-0000-7000-8000-000000000001'

test('the cookie gives back the session id it was made for, and shows nothing of it', async () => {
  const cookie = await sealSessionId(settings, sessionId)
  expect(cookie).not.toContain(sessionId)
  expect(await openSessionCookie(settings, cookie)).toBe(sessionId)
})

test('a cookie that is missing, damaged or made with another secret is nobody', async () => {
  const cookie = await sealSessionId(settings, sessionId)
  const foreign = await sealSessionId({ ...settings, authSecret: 'b'.repeat(32) }, sessionId)
  for (const wrong of [undefined, '', 'x', cookie.slice(0, -2), foreign]) {
    expect(await openSessionCookie(settings, wrong)).toBeNull()
  }
})

test('on https the cookie is bound to the host and never sent in the clear; two local ports do not share one', () => {
  expect(sessionCookieName(settings.url)).toMatch(/^__Host-/)
  expect(sessionCookieOptions(settings.url)).toEqual({ httpOnly: true, sameSite: 'lax', path: '/', secure: true })
  expect(sessionCookieName('http://localhost:3000')).not.toBe(sessionCookieName('http://localhost:3001'))
})
