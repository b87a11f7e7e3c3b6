import { isIPv4, isIPv6 } from 'node:net'

/** Whose an address is, as far as limits care: an IPv4 address itself, of IPv6 the /64, because one host has all of it. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const start = groupsOf(head)
  const end = groupsOf(tail ?? '')
  const zeros = Array.from({ length: 8 - start.length - end.length }, () => '0')
  const network = [...start, ...zeros, ...end].slice(0, 4)
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}

/** What one caller can have many networks of: of IPv4 the /24, of IPv6 the /48. */
export function siteOf(address: string): string {
  const network = networkOf(address)
  if (isIPv4(network)) return `${network.split('.').slice(0, 3).join('.')}.0/24`
  return network.endsWith('::/64') ? `${network.split(':').slice(0, 3).join(':')}::/48` : network
}

/** An IPv4 address at the end stands for two groups. */
function groupsOf(text: string): string[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]))
}
