import { expect, test } from 'vitest'
import type { LookupAddress } from 'node:dns'
import { guardedLookup, isInsideHost, sharedLookup } from './guarded-lookup.ts'

const lookUp = (hostname: string, options: Parameters<typeof guardedLookup>[0], all: boolean) =>
  new Promise((resolve, reject) => {
    guardedLookup(options)(hostname, { all }, (error, address) => (error ? reject(error) : resolve(address)))
  })

test('what resolves to a link-local address is not connected to, unless that is allowed', async () => {
  for (const all of [true, false]) {
    await expect(lookUp('169.254.169.254', {}, all)).rejects.toMatchObject({ name: 'RefusedAddress' })
    await expect(lookUp('fe80::1', {}, all)).rejects.toMatchObject({ name: 'RefusedAddress' })
  }
  expect(await lookUp('169.254.169.254', { allowLinkLocal: true }, false)).toBe('169.254.169.254')
  expect(await lookUp('127.0.0.1', {}, true)).toEqual([{ address: '127.0.0.1', family: 4 }])
  expect(await lookUp('10.0.0.1', {}, false)).toBe('10.0.0.1')
})

test('a host is inside with every address it has, and not if it ever had one outside', async () => {
  const at = (...addresses: string[]) => Promise.resolve(addresses.map((address) => ({ address })))
  expect(await isInsideHost('erp.test', () => at('10.0.0.1', 'fd12::1'))).toBe(true)
  expect(await isInsideHost('mixed.test', () => at('10.0.0.1', '8.8.8.8'))).toBe(false)
  expect(await isInsideHost('nowhere.test', () => Promise.reject(new Error('ENOTFOUND')))).toBe(false)
  expect(await isInsideHost('moving.test', () => at('8.8.8.8'))).toBe(false)
  expect(await isInsideHost('moving.test', () => at('127.0.0.1'))).toBe(false)
  expect(await Promise.all(['localhost', '127.0.0.1', '[::1]', '8.8.8.8'].map((host) => isInsideHost(host)))).toEqual([
    true,
    true,
    true,
    false,
  ])
})

test('a name is looked up once for all who want it at the same time, and anew for who comes later', () => {
  const asked: string[] = []
  const answer: ((addresses: LookupAddress[]) => void)[] = []
  const resolve = sharedLookup((hostname, { family }, done) => {
    asked.push(`${hostname} ${String(family ?? 0)}`)
    answer.push((addresses) => done(null, addresses))
  })
  const heard: string[] = []
  const want = (hostname: string, family?: 4 | 6) =>
    resolve(hostname, { all: true, ...(family ? { family } : {}) }, (_, [first]) => heard.push(first?.address ?? ''))
  for (let times = 0; times < 100; times += 1) want('slow.example')
  want('slow.example', 4)
  want('other.example')
  expect(asked).toEqual(['slow.example 0', 'slow.example 4', 'other.example 0'])
  answer[2]!([{ address: '203.0.113.2', family: 4 }])
  answer[0]!([{ address: '203.0.113.1', family: 4 }])
  expect(heard).toEqual(['203.0.113.2', ...Array<string>(100).fill('203.0.113.1')])
  want('slow.example')
  expect(asked).toHaveLength(4)
})
