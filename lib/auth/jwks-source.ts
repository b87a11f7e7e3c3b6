import { readFile } from 'node:fs/promises'
import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWTHeaderParameters } from 'jose'
import { z } from 'zod'

/** Between two attempts to read the keys, whatever asks for them: an unknown kid or an issuer that does not answer costs one. */
const coolDownMs = 30_000
/** Keys are read again after this long, so that one the issuer withdrew is not trusted for ever. */
const ageMsMax = 10 * 60_000
/** While the issuer does not answer, the last keys go on for this long. */
const staleMsMax = 60 * 60_000
const timeoutMs = 5000
const bytesMax = 256 * 1024

const jwksSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(200) })

export class JwksUnavailable extends Error {
  override readonly name = 'JwksUnavailable'
}

/**
 * The published keys of another issuer, from an address or a file. Two at once share a read; keys that were added are found by the first
 * token that names them, at most once per cool-down.
 */
export class JwksSource {
  readonly #location: string
  readonly #clock: () => number
  #keys: { find: ReturnType<typeof createLocalJWKSet>; readAt: number } | null = null
  #reading: Promise<void> | null = null
  #triedAt = Number.NEGATIVE_INFINITY
  #failure = ''

  /** @param location an http(s) address or the path of a file @param clock milliseconds, monotonic */
  constructor(location: string, clock: () => number = () => performance.now()) {
    this.#location = location
    this.#clock = clock
  }

  /** The key a token names; throws jose's errors when there is none, `JwksUnavailable` when the keys cannot be had. */
  async keyFor(header: JWTHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    if (!this.#keys || this.#clock() - this.#keys.readAt > ageMsMax) await this.#read()
    try {
      return await this.#current()(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await this.#read())) throw error
      return await this.#current()(header, token)
    }
  }

  #current(): ReturnType<typeof createLocalJWKSet> {
    if (this.#keys && this.#clock() - this.#keys.readAt <= staleMsMax) return this.#keys.find
    throw new JwksUnavailable(`The keys of the issuer cannot be read (${this.#failure}).`)
  }

  /** Reads the keys, or waits for who does; false when it was tried too short a time ago. */
  async #read(): Promise<boolean> {
    if (!this.#reading) {
      if (this.#clock() - this.#triedAt < coolDownMs) return false
      this.#triedAt = this.#clock()
      this.#reading = this.#load().finally(() => (this.#reading = null))
    }
    await this.#reading
    return true
  }

  async #load(): Promise<void> {
    try {
      const keys = jwksSchema.parse(JSON.parse(await readText(this.#location))) as JSONWebKeySet
      this.#keys = { find: createLocalJWKSet(keys), readAt: this.#clock() }
    } catch (error) {
      this.#failure = error instanceof z.ZodError || error instanceof SyntaxError ? 'no JWK set' : 'not reachable'
    }
  }
}

async function readText(location: string): Promise<string> {
  if (!/^https?:\/\//i.test(location)) return await readFile(location, 'utf8')
  const response = await fetch(location, {
    headers: { accept: 'application/json, application/jwk-set+json' },
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  })
  if (!response.ok || !response.body) throw new Error(`status ${response.status}`)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.length
    if (size > bytesMax) throw new Error('too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
