import { BlockList, isIP, isIPv6 } from 'node:net'

/** What an address means for whoever connects to it. */
export type AddressKind = 'public' | 'private' | 'loopback' | 'link_local' | 'reserved'

// RFC 6890 and its registries; in `link_local` also where cloud providers answer with a machine's own credentials.
const ranges: Record<Exclude<AddressKind, 'public'>, readonly string[]> = {
  link_local: [
    '169.254.0.0/16',
    'fe80::/10',
    'fd00:ec2::/32',
    'fd20:ce::/32',
    '100.100.100.200/32',
    '192.0.0.192/32',
    '168.63.129.16/32',
  ],
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10', '198.18.0.0/15'],
  reserved: [
    '0.0.0.0/8',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '224.0.0.0/4',
    '240.0.0.0/4',
    '::/128',
    'ff00::/8',
    '2001:db8::/32',
    '100::/64',
  ],
}

const lists = Object.entries(ranges).map(([kind, networks]) => {
  const list = new BlockList()
  for (const network of networks) {
    const [address, prefix] = network.split('/') as [string, string]
    list.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4')
  }
  return { kind: kind as Exclude<AddressKind, 'public'>, list }
})

/** The kind of an IP address, the IPv4 one within an IPv6 one included; null for what is no address. */
export function addressKind(address: string): AddressKind | null {
  const bare = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  const version = isIP(bare)
  if (version === 0) return null
  const embedded = version === 6 ? embeddedIpv4(bare) : null
  if (embedded) return addressKind(embedded)
  const family = version === 6 ? 'ipv6' : 'ipv4'
  return lists.find(({ list }) => list.check(bare, family))?.kind ?? 'public'
}

/** Whether a host names where machines get their own credentials, or something on this link. */
export function isRefusedHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, '')
  if (addressKind(host) === 'link_local') return true
  return [
    'metadata.google.internal',
    'metadata.goog',
    'metadata',
    'instance-data',
    'instance-data.ec2.internal',
  ].includes(host)
}

/** Mapped (::ffff:0:0/96), translated (64:ff9b::/96) and 6to4 (2002::/16) addresses lead to the IPv4 address they hold. */
function embeddedIpv4(address: string): string | null {
  const groups = groupsOf(address)
  const prefix = groups.slice(0, 6).join(':')
  const [high, low] =
    groups[0] === 0x2002
      ? [groups[1]!, groups[2]!]
      : ['0:0:0:0:0:65535', '100:65435:0:0:0:0'].includes(prefix)
        ? [groups[6]!, groups[7]!]
        : [null, null]
  return high === null ? null : [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const text = dotted
    ? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : address
  const [left = '', right] = text.split('::')
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const [before, after] = [parse(left), right === undefined ? [] : parse(right)]
  return right === undefined
    ? before
    : [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}
