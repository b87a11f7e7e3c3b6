import ipaddr from 'ipaddr.js'

/** Whether an IP address, in any spelling, is one of the public Internet: globally reachable unicast as the IANA special-purpose registries have it (RFC 6890), an IPv4 address within an IPv6 one included. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast'
}
