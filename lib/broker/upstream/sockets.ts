import { Pool } from 'undici'
import { isRefusedHost } from '#lib/core/address-kind.ts'
import { guardedLookup } from '#lib/core/guarded-lookup.ts'
import { callDeadlineMsMax } from '#lib/guardrails/rules/own-limits.ts'
import type { Limits } from '../limits.ts'
import type { UpstreamCredential } from './credential.ts'
import { UpstreamFailure } from './failure.ts'

export type SocketOptions = { url: string; credential: UpstreamCredential; limits: Limits; allowLinkLocal: boolean }

/** The connections to one upstream, opened when first needed: it is known then what is shown, and a client certificate belongs to them. */
export class Sockets {
  readonly #options: SocketOptions
  readonly #url: URL
  #opened: Pool | null = null
  #lastingOpened: Pool | null = null

  constructor(options: SocketOptions) {
    this.#options = options
    this.#url = new URL(options.url)
  }

  /** For calls. Throws `UpstreamFailure` for an address that is never called. */
  get calls(): Pool {
    // A call has its own deadline; this one ends what that one forgot.
    const longestMs = Math.max(this.#options.limits.callDeadlineMs, callDeadlineMsMax)
    this.#opened ??= new Pool(this.#url.origin, {
      connections: 256,
      pipelining: 1,
      connect: this.#connect(),
      // The deadline of each call is its signal; these only clean up after peers that went silent.
      headersTimeout: longestMs + 5000,
      bodyTimeout: longestMs + 5000,
      // Where a server does not say it: many close after five seconds.
      keepAliveTimeout: 4000,
    })
    return this.#opened
  }

  /** For what lasts, so that calls never wait for it. Throws as `calls` does. */
  get lasting(): Pool {
    this.#lastingOpened ??= new Pool(this.#url.origin, {
      connections: null,
      connect: this.#connect(),
      bodyTimeout: 0,
    })
    return this.#lastingOpened
  }

  async close(): Promise<void> {
    await Promise.all([this.#opened?.close(), this.#lastingOpened?.close()])
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#opened?.destroy(), this.#lastingOpened?.destroy()])
  }

  #connect() {
    const { credential, allowLinkLocal } = this.#options
    const shown = { timeout: 5000, ...credential.current()?.tls }
    if (allowLinkLocal) return shown
    if (isRefusedHost(this.#url.hostname)) {
      throw new UpstreamFailure('unreachable', 'its address is link-local, which is never called')
    }
    return { ...shown, lookup: guardedLookup() }
  }
}
