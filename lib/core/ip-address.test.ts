import { expect, test } from 'vitest'
import { isPublicAddress } from './ip-address.ts'

test.each([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.2.1',
  '192.168.1.1',
  '198.18.0.1',
  '203.0.113.9',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:10.0.0.1',
  'fe80::1',
  'fd00::1',
  'ff02::1',
  '2001:db8::1',
  '64:ff9b::a00:1',
  '2130706433',
  'example.com',
  '',
])('%s is inside', (address) => {
  expect(isPublicAddress(address)).toBe(false)
})

test.each(['1.1.1.1', '100.63.0.1', '172.32.0.1', '192.1.0.1', '2606:4700::1111', '2a00:1450::1', '::ffff:8.8.8.8'])(
  '%s is outside',
  (address) => {
    expect(isPublicAddress(address)).toBe(true)
  },
)
