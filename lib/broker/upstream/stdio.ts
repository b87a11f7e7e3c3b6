import { processEnvironment } from '#lib/core/process-environment.ts'
import {
  ownerFor,
  type ProcessOwner,
  sealTicket,
  stdioPath,
  type StdioRule,
  stdioRuleHeader,
  stdioRuleIn,
} from '#lib/core/stdio-ticket.ts'
import { sealedBody } from '#lib/core/secret-box.ts'
import type { Limits } from '../limits.ts'
import type { BrokeredServer } from '../view/view.ts'
import { UpstreamConnection } from './connection.ts'
import type { UpstreamRequest } from './request.ts'
import type { CredentialReport } from './credential-report.ts'
import { StaticCredential } from './credential.ts'
import { UpstreamFailure } from './failure.ts'
import type { RpcReply } from './http.ts'
import { createRedact } from '#lib/core/redaction.ts'

/** Where the sandbox service is, and the key that only it and the broker have; null: this installation runs no servers over stdio. */
export type StdioAccess = { url: string; key: string } | null

/** Whose process is asked; null for what the platform itself asks. */
export type ProcessCaller = { teamId: string; agentId: string } | null

/** What the process is given of the server's credential; `version` changes with it. */
export type ProcessSecret = {
  version: Uint8Array
  open: () => Promise<string>
  ofTeam: boolean
  report: () => CredentialReport
} | null

type Held = { serverId: string; command: string; version: Uint8Array | null; connection: StdioConnection }

const heldMax = 2000
const whyMs = 2000

/** Connections to servers over stdio, which the sandbox service runs: one per process, replaced when its program or its credential changes. */
export class StdioUpstreams {
  readonly #access: StdioAccess
  readonly #limits: Limits
  readonly #held = new Map<string, Held>()

  constructor(options: { access: StdioAccess; limits: Limits }) {
    this.#access = options.access
    this.#limits = options.limits
  }

  /** Throws `UpstreamFailure` when there is no sandbox service for it. */
  connectionTo(server: BrokeredServer, caller: ProcessCaller, secret: ProcessSecret): UpstreamConnection {
    const { stdio } = server
    if (!this.#access || !stdio) throw new UpstreamFailure('unreachable', 'no sandbox service runs its program')
    // What one team's credential opens is for that team's agents alone.
    const boundary = stdio.boundary === 'server' && secret?.ofTeam ? 'team' : stdio.boundary
    const owner = ownerFor(boundary, caller)
    const key = `${server.id}/${owner.key}`
    const held = this.#held.get(key)
    const command = JSON.stringify(stdio.command)
    const version = secret?.version ?? null
    if (held?.command === command && isSame(held.version, version)) return held.connection
    void held?.connection.close().catch(() => {})
    const connection = this.#connect(server.id, owner, {
      open: async () => (secret ? environmentOf(stdio.command.env, await secret.open()) : {}),
      report: secret?.report(),
    })
    this.#held.delete(key)
    this.#held.set(key, { serverId: server.id, command, version, connection })
    this.#forgetOldest()
    return connection
  }

  /** Lets go of processes whose server is gone, runs another way now, or has no longer the credential they were given. */
  prune(servers: ReadonlyMap<string, BrokeredServer>): void {
    for (const [key, { serverId, version, connection }] of this.#held) {
      const server = servers.get(serverId)
      const given = version && server?.credentials.some((row) => isSame(sealedBody(row.ciphertext), version))
      if (server?.stdio && (version === null || given)) continue
      this.#held.delete(key)
      void connection.close().catch(() => {})
    }
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#held.values()].map(({ connection }) => connection.destroy()))
    this.#held.clear()
  }

  #connect(
    serverId: string,
    owner: ProcessOwner,
    { open, report }: { open: () => Promise<Record<string, string>>; report: CredentialReport | undefined },
  ): StdioConnection {
    const { url, key } = this.#access!
    const credential = new StaticCredential(async () => {
      const environment = await open()
      const ticket = sealTicket(key, { serverId, owner, environment })
      const redact = createRedact([ticket, ...Object.values(environment)])
      return { headers: { authorization: `Bearer ${ticket}` }, redact, tls: null }
    }, report)
    return new StdioConnection({ url: url + stdioPath(serverId, owner.key), credential, limits: this.#limits })
  }

  /** A process that was idle for long has ended anyway; its connection is made anew when it is needed. */
  #forgetOldest(): void {
    const [oldest] = this.#held
    if (this.#held.size <= heldMax || !oldest) return
    this.#held.delete(oldest[0])
    void oldest[1].connection.close().catch(() => {})
  }
}

type StdioOptions = Omit<ConstructorParameters<typeof UpstreamConnection>[0], 'allowLinkLocal'>

/** Tells the platform's own refusals from what the server says, and why a process cannot be greeted. */
class StdioConnection extends UpstreamConnection {
  readonly #options: StdioOptions

  constructor(options: StdioOptions) {
    // The platform's own service, where the configuration says it is.
    super({ ...options, allowLinkLocal: true })
    this.#options = options
  }

  override async request(request: UpstreamRequest): Promise<RpcReply> {
    const reply = await super.request(request).catch(async (error: unknown) => {
      const isUnreachable = error instanceof UpstreamFailure && error.kind === 'unreachable'
      throw (isUnreachable && (await this.#refusal())) || error
    })
    if (!reply.ok && reply.rule) throw failureOf(reply.rule, reply.error.message)
    return reply
  }

  /** What the sandbox service says of the process, without starting anything else; null when it says nothing is wrong. */
  async #refusal(): Promise<UpstreamFailure | null> {
    const { url, credential } = this.#options
    const { headers = {} } = credential.current() ?? {}
    try {
      const options = { headers, signal: AbortSignal.timeout(whyMs) }
      const response = await fetch(url, options)
      if (response.status !== 503) {
        await response.body?.cancel()
        return null
      }
      const rule = stdioRuleIn(response.headers.get(stdioRuleHeader))
      const { error } = (await response.json()) as { error?: { message: string } }
      return error && rule ? failureOf(rule, error.message) : null
    } catch {
      return null
    }
  }
}

/** Throws when the secret is none for these variables, without a word of what it was. */
function environmentOf(names: readonly string[], secret: string): Record<string, string> {
  const environment = processEnvironment(names, secret)
  if (environment) return environment
  throw new UpstreamFailure(
    'refused',
    `its credential has to be set to a JSON object of texts with the values of ${names.join(', ')}`,
  )
}

function failureOf(rule: StdioRule, message: string): UpstreamFailure {
  return new UpstreamFailure(rule === 'result_too_large' ? 'too_large' : 'unreachable', message)
}

function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b
  return Buffer.compare(a, b) === 0
}
