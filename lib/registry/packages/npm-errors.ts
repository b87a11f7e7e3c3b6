import type { PackageProblem } from '../schema/packages.ts'
import { lockEntries, nameAt, type PackageLock } from './lock.ts'

type NpmError = { code?: unknown; statusCode?: unknown; pkgid?: unknown; name?: unknown; message?: unknown }

const offline = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ERR_SOCKET_TIMEOUT',
  'FETCH_ERROR',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'EIDLETIMEOUT',
  'ECONNECTIONTIMEOUT',
  'ERESPONSETIMEOUT',
  'ETRANSFERTIMEOUT',
])

/** Of which package the archive is another one than the lock says; npm's library names only what was expected. */
export function integrityProblem(
  error: unknown,
  { name, registry, lock }: { name: string; registry: string; lock: PackageLock },
): PackageProblem | null {
  const { code, message } = (error ?? {}) as NpmError
  if (code !== 'EINTEGRITY') return null
  const expected = lockEntries(lock).find(([, { integrity }]) => integrity && String(message).includes(integrity))
  const found = expected ? nameAt(expected[0]) : 'a package it depends on'
  return {
    field: found === name ? 'version' : 'dependencies',
    reason: 'wrong_integrity',
    message: `What the registry at ${new URL(registry).host} delivers for ${found} is not what its integrity says.`,
  }
}

/** What npm's library says of a failure, as what to do about it. */
export function problemOf(
  error: unknown,
  { name, version, registry, token }: { name: string; version: string; registry: string; token?: string | null },
): PackageProblem {
  const { code, statusCode, pkgid, message } = (error ?? {}) as NpmError
  const what = `${name}@${version}`
  const says = String(message ?? error)
    .split('\n')[0]!
    .slice(0, 300)
  const host = new URL(registry).host
  const status = typeof statusCode === 'number' ? statusCode : 0
  if (code === 'E404') {
    const isOwn = typeof pkgid !== 'string' || pkgid.startsWith(`${name}@`)
    return isOwn
      ? { field: 'name', reason: 'unknown_package', message: `The registry at ${host} has no package ${what}.` }
      : {
          field: 'dependencies',
          reason: 'unknown_package',
          message: `The registry at ${host} has no ${pkgid}, which it depends on.`,
        }
  }
  if (code === 'ETARGET' || code === 'ENOVERSIONS') {
    const isOwn = (error as NpmError).name === undefined || says.includes(what) || code === 'ENOVERSIONS'
    return {
      field: isOwn ? 'version' : 'dependencies',
      reason: 'unknown_version',
      message: `The registry at ${host} says: ${says}`,
    }
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return {
      field: 'version',
      reason: 'no_space',
      message: `There is no space left for ${what} where packages are kept.`,
    }
  }
  if (typeof code === 'string' && code.startsWith('EALLOW')) {
    const message = `It depends on what is in no registry (git, a file, another address): ${says}`
    return { field: 'dependencies', reason: 'foreign_source', message }
  }
  if (status === 401 || status === 403) {
    const why =
      token === null
        ? 'it may want a token, and WHEELHOUSE_NPM_TOKEN is not set'
        : 'WHEELHOUSE_NPM_TOKEN does not open it'
    return {
      field: 'registry',
      reason: 'registry_refuses',
      message: `The registry at ${host} does not give out ${what} (${status}): ${why}.`,
    }
  }
  if (status >= 500 || status === 429 || (typeof code === 'string' && offline.has(code))) {
    const why = status ? `it answered ${status}` : String(code)
    return {
      field: 'registry',
      reason: 'registry_unreachable',
      message: `The registry at ${host} cannot be reached: ${why}.`,
    }
  }
  return { field: 'name', reason: 'not_fetched', message: `${what} could not be fetched: ${says}` }
}
