import { lookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { lookup as resolveSoon } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { type AddressKind, addressKind, isPublicAddress, isRefusedHost } from './address-kind.ts'

/** The address is one that is never called. */
export class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress'
  readonly code = 'LINK_LOCAL_ADDRESS'
}

/** The address is inside, and nobody here has named it. A `TypeError`, as all are that end a request before it begins. */
export class InsideAddress extends TypeError {
  override readonly name = 'InsideAddress'
}

/**
 * Names that were found at an address outside: whoever can move such a name inside gains nothing by it while this process lives.
 */
const outsideNames = new Set<string>()
const outsideNamesMax = 10_000

function noteOutside(hostname: string, addresses: readonly { address: string }[]): void {
  if (outsideNames.has(hostname) || !addresses.some(({ address }) => isPublicAddress(address))) return
  if (outsideNames.size >= outsideNamesMax) outsideNames.delete(outsideNames.values().next().value!)
  outsideNames.add(hostname)
}

type Resolved = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void
type Resolver = (hostname: string, options: LookupOptions & { all: true }, done: Resolved) => void

/**
 * Resolves a name once for all who ask for it at the same time. A look-up holds one of two threads until the resolver has answered: as many as there are calls to a server whose name is not answered
 * would keep every other name from being resolved.
 */
export function sharedLookup(resolver: Resolver = lookup): Resolver {
  const underWay = new Map<string, Resolved[]>()
  return (hostname, options, done) => {
    const key = JSON.stringify([hostname, options.family ?? 0, options.hints ?? 0, options.order ?? ''])
    const waiting = underWay.get(key)
    if (waiting) return void waiting.push(done)
    const all = [done]
    underWay.set(key, all)
    resolver(hostname, options, (error, addresses) => {
      underWay.delete(key)
      for (const each of all) each(error, error ? [] : [...addresses])
    })
  }
}

const resolve = sharedLookup()

/**
 * Resolves names for a connection and refuses those of link-local and metadata addresses: the check is made on the very address that is
 * connected to, so a name that resolves otherwise the second time gains nothing. An address instead of a name is not looked up: `refuseHost`.
 */
export function guardedLookup(
  options: { allowLinkLocal?: boolean; onResolved?: (address: string, kind: AddressKind) => void } = {},
): LookupFunction {
  const { allowLinkLocal = false, onResolved } = options
  return (hostname, settings, done) => {
    resolve(hostname, { ...settings, all: true }, (error, addresses) => {
      if (error) return done(error, '')
      noteOutside(hostname, addresses)
      for (const { address } of addresses) onResolved?.(address, addressKind(address) ?? 'reserved')
      if (!allowLinkLocal && addresses.some(({ address }) => addressKind(address) === 'link_local')) {
        return done(new RefusedAddress('link-local'), '')
      }
      if (settings.all) return done(null, addresses)
      done(null, addresses[0]!.address, addresses[0]!.family)
    })
  }
}

/** Throws `RefusedAddress` for a host that needs no look-up to be known as one that is never called. */
export function refuseHost(url: string | URL): void {
  if (isRefusedHost(new URL(url).hostname)) throw new RefusedAddress('link-local')
}

/**
 * Resolves names for a connection to an address outside; those inside count only for hosts in `privateHosts`. As with `guardedLookup` the check is made
 * on the very address that is connected to (DNS rebinding), and an address instead of a name is not looked up: `isOutsideHost`.
 */
export function outsideLookup(privateHosts: readonly string[]): LookupFunction {
  return (hostname, settings, done) => {
    resolve(hostname, { ...settings, all: true }, (error, addresses) => {
      if (error) return done(error, '', 0)
      noteOutside(hostname, addresses)
      const usable = privateHosts.includes(hostname)
        ? addresses
        : addresses.filter(({ address }) => isPublicAddress(address))
      const [first] = usable
      if (!first) return done(new InsideAddress(`${hostname} is an address inside`), '', 0)
      if (settings.all) return (done as unknown as (none: null, all: typeof usable) => void)(null, usable)
      done(null, first.address, first.family)
    })
  }
}

/** Whether the host of a URL may be connected to: a name, which the look-up judges, or an address outside. */
export function isOutsideHost(hostname: string, privateHosts: readonly string[]): boolean {
  const literal = hostname.replace(/^\[|\]$/g, '')
  return isIP(literal) === 0 || privateHosts.includes(hostname) || isPublicAddress(literal)
}

const insideMs = 5000

/** Whether a host is inside, with every address it has, and was never seen outside. One that cannot be resolved counts as outside. */
export async function isInsideHost(
  hostname: string,
  resolveAll: (hostname: string) => Promise<readonly { address: string }[]> = (name) =>
    resolveSoon(name, { all: true }),
): Promise<boolean> {
  const literal = hostname.replace(/^\[|\]$/g, '')
  if (isIP(literal) !== 0) return !isPublicAddress(literal)
  const addresses = await Promise.race([resolveAll(hostname).catch(() => []), after(insideMs, [], { ref: false })])
  noteOutside(hostname, addresses)
  return addresses.length > 0 && !outsideNames.has(hostname)
}
