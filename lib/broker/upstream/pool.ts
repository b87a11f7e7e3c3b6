import type { SecretBox } from '#lib/core/secret-box.ts'
import type { Limits } from '../limits.ts'
import type { BrokeredServer } from '../view/view.ts'
import { UpstreamConnection } from './connection.ts'
import { upstreamHeader } from './credential.ts'
import { UpstreamFailure } from './http.ts'
import { type ProcessCaller, type StdioAccess, StdioUpstreams } from './stdio.ts'

type Held = { url: string; ciphertext: Uint8Array | null; connection: UpstreamConnection }

/** The connections to all upstreams: one per server, replaced when its address or its credential changes. */
export class UpstreamPool {
  readonly #secretBox: SecretBox
  readonly #limits: Limits
  readonly #held = new Map<string, Held>()
  readonly #stdio: StdioUpstreams

  constructor(options: { secretBox: SecretBox; limits: Limits; stdio: StdioAccess }) {
    this.#stdio = new StdioUpstreams({ access: options.stdio, limits: options.limits })
    this.#secretBox = options.secretBox
    this.#limits = options.limits
  }

  /** The caller matters for a server over stdio, whose processes may be divided by team or agent; without one it is the platform's own. */
  connectionTo(server: BrokeredServer, caller: ProcessCaller = null): UpstreamConnection {
    if (server.stdio) return this.#stdio.connectionTo(server, caller, this.#processSecretOf(server))
    const held = this.#held.get(server.id)
    const ciphertext = server.credential?.ciphertext ?? null
    if (held?.url === server.url && isSame(held.ciphertext, ciphertext)) return held.connection
    // Calls that are under way end over the old connection.
    void held?.connection.close().catch(() => {})
    const connection = new UpstreamConnection({ url: server.url, header: this.#headerOf(server), limits: this.#limits })
    this.#held.set(server.id, { url: server.url, ciphertext, connection })
    return connection
  }

  /** What the server said it can do, if it was spoken to already. */
  capabilitiesOf(server: BrokeredServer): UpstreamConnection['capabilities'] {
    try {
      return this.connectionTo(server).capabilities
    } catch {
      return null
    }
  }

  async destroy(): Promise<void> {
    await Promise.all([...[...this.#held.values()].map((held) => held.connection.destroy()), this.#stdio.destroy()])
    this.#held.clear()
  }

  #processSecretOf(server: BrokeredServer): Parameters<StdioUpstreams['connectionTo']>[2] {
    if (!server.credential) return null
    const open = (): string => this.#headerOf(server)?.secret ?? ''
    return { version: server.credential.ciphertext, open, ofTeam: false }
  }

  #headerOf(server: BrokeredServer): ReturnType<typeof upstreamHeader> {
    try {
      return upstreamHeader(server, this.#secretBox)
    } catch {
      throw new UpstreamFailure('refused', "the broker cannot open the server's credential")
    }
  }
}

function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b
  return Buffer.compare(a, b) === 0
}
