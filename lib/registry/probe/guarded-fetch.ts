import { lookup as resolve } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent, fetch as fetchWith } from 'undici'
import { type AddressKind, addressKind } from '#lib/core/address-kind.ts'
import { isRefusedHost } from '../rules/server-address.ts'

/** The address is one that is never called. */
export class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress'
}

export type GuardedFetch = {
  fetch: (url: string | URL, init?: RequestInit) => Promise<Response>
  /** What names were resolved to, with what each address is. */
  resolved: Map<string, AddressKind>
  close(): Promise<void>
}

const connectMs = 5000
const responseBytesMax = 4 * 1024 * 1024

/**
 * A fetch that connects to no link-local or metadata address: the check is made on the very address that is connected to, so a name that
 * resolves otherwise the second time gains nothing. Redirects are not followed.
 */
export function guardedFetch(options: { allowLinkLocal: boolean }): GuardedFetch {
  const resolved = new Map<string, AddressKind>()
  const lookup: LookupFunction = (hostname, settings, done) => {
    resolve(hostname, { ...settings, all: true }, (error, addresses) => {
      if (error) return done(error, '')
      for (const { address } of addresses) resolved.set(address, addressKind(address) ?? 'reserved')
      if (!options.allowLinkLocal && addresses.some(({ address }) => addressKind(address) === 'link_local')) {
        return done(new RefusedAddress('link-local'), '')
      }
      if (settings.all) return done(null, addresses)
      done(null, addresses[0]!.address, addresses[0]!.family)
    })
  }
  const agent = new Agent({ connect: { timeout: connectMs, lookup }, maxResponseSize: responseBytesMax })
  return {
    resolved,
    async fetch(url, init) {
      const { hostname } = new URL(url)
      if (!options.allowLinkLocal && isRefusedHost(hostname)) throw new RefusedAddress('link-local')
      const literal = addressKind(hostname)
      if (literal) resolved.set(hostname.replace(/^\[|\]$/g, ''), literal)
      const response = await fetchWith(url, { ...(init as object), redirect: 'manual', dispatcher: agent })
      return response as unknown as Response
    },
    close: () => agent.destroy(),
  }
}
