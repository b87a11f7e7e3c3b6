import { expect, test } from 'vitest'
import { addressKind, isPublicAddress } from './address-kind.ts'

test('addresses are told apart, however they are written', () => {
  const kinds = {
    link_local: [
      '169.254.169.254',
      'fe80::1',
      'fe80::1%eth0',
      '::ffff:169.254.169.254',
      '::ffff:a9fe:a9fe',
      '64:ff9b::a9fe:a9fe',
      '2002:a9fe:a9fe::1',
      'fd00:ec2::254',
      '100.100.100.200',
      '[fe80::1]',
    ],
    loopback: ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1'],
    private: ['10.1.2.3', '172.31.255.255', '192.168.0.1', '100.64.0.1', 'fd12::1', '::ffff:10.0.0.1'],
    reserved: ['0.0.0.0', '::', '224.0.0.1', '255.255.255.255', 'ff02::1'],
    public: ['8.8.8.8', '2606:4700::1111', '172.32.0.1', '::ffff:8.8.8.8'],
  }
  for (const [kind, addresses] of Object.entries(kinds)) {
    expect(addresses.map((address) => [address, addressKind(address)])).toEqual(
      addresses.map((address) => [address, kind]),
    )
  }
  expect(['localhost', 'example.test', '', '1.2.3'].map(addressKind)).toEqual([null, null, null, null])
})

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
