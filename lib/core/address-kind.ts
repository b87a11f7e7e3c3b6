import ipaddr from 'ipaddr.js'

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

const lists = Object.entries(ranges).map(([kind, networks]) => ({
  kind: kind as Exclude<AddressKind, 'public'>,
  networks: networks.map((network) => ipaddr.parseCIDR(network)),
}))

/** The kind of an IP address, the IPv4 one within an IPv6 one included; null for what is no address. */
export function addressKind(address: string): AddressKind | null {
  const bare = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  // Fewer than four parts, or octal ones, are an address for some programs and a name for others.
  if (!ipaddr.IPv4.isValidFourPartDecimal(bare) && !ipaddr.IPv6.isValid(bare)) return null
  const parsed = withoutWrapping(ipaddr.parse(bare))
  const found = lists.find(({ networks }) =>
    networks.some((network) => network[0].kind() === parsed.kind() && parsed.match(network)),
  )
  // What the registries set apart for anything else is not the public Internet either.
  return found?.kind ?? (parsed.range() === 'unicast' ? 'public' : 'reserved')
}

/** Whether an IP address, in any spelling, is one of the public Internet. */
export function isPublicAddress(address: string): boolean {
  return addressKind(address) === 'public'
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
function withoutWrapping(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (!('parts' in address)) return address
  const range = address.range()
  const { parts } = address
  if (range === '6to4') return ipv4Of(parts[1]!, parts[2]!)
  return range === 'ipv4Mapped' || range === 'rfc6052' ? ipv4Of(parts[6]!, parts[7]!) : address
}

function ipv4Of(high: number, low: number): ipaddr.IPv4 {
  return new ipaddr.IPv4([high >> 8, high & 255, low >> 8, low & 255])
}
