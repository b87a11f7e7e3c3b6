import type { Ctx } from '#lib/auth/ctx.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { sealedBody, type SecretBox } from '#lib/core/secret-box.ts'
import type { Locks } from '#lib/db/locks.ts'
import type { Log } from '#lib/log/log.ts'
import { keepCredentialIssuer, recordCredentialUse } from '#lib/registry/commands.ts'
import { clientCredentialsToken, enterpriseToken, personToken, workloadToken } from '#lib/upstreams/commands.ts'
import { type Limits, limitsOf } from '../limits.ts'
import { credentialFor } from '../view/accounts.ts'
import type { BrokeredCredential, BrokeredServer } from '../view/view.ts'
import { UpstreamConnection } from './connection.ts'
import {
  CredentialFailure,
  missingCredential,
  missingText,
  noCredential,
  staticCredential,
  type UpstreamCredential,
} from './credential.ts'
import { CredentialReport } from './credential-report.ts'
import { OAuthCredential } from './oauth-credential.ts'
import { type ProcessCaller, type ProcessSecret, type StdioAccess, StdioUpstreams } from './stdio.ts'

type Parts = {
  secretBox: SecretBox
  limits: Limits
  ctx: () => Ctx
  exclusively: Locks['exclusively']
  log: Log
  stdio: StdioAccess
  allowLinkLocal: boolean
}
type Held = { url: string; row: BrokeredCredential | null; connection: UpstreamConnection; notedAt: number }

/** For whom a call is made: its team's credential and process count. */
export function processCaller({ id, teamId }: { id: string; teamId: string }): NonNullable<ProcessCaller> {
  return { teamId, agentId: id }
}

/** How often the registry is told that a credential is in use. */
const useMs = 60_000

/**
 * The connections to all upstreams: one per server and credential, replaced when its address or its credential changes. An agent's call
 * goes over its team's credential, else over the server's own.
 */
export class UpstreamPool {
  readonly #parts: Parts
  readonly #held = new Map<string, Held>()
  readonly #stdio: StdioUpstreams
  /** As `prune` was last told of them. */
  #servers: ReadonlyMap<string, BrokeredServer> = new Map()

  constructor(parts: Parts) {
    this.#stdio = new StdioUpstreams({ access: parts.stdio, limits: parts.limits })
    this.#parts = parts
  }

  /**
   * Without a caller (null): for the platform itself, over whatever credential there is. Processes of a server over stdio
   * may be divided by team or agent.
   */
  connectionTo(server: BrokeredServer, caller: ProcessCaller): UpstreamConnection {
    const row = credentialFor(server, caller?.teamId ?? null)
    const connection = server.stdio
      ? this.#stdio.connectionTo(server, caller, this.#processSecret(server, row))
      : this.#connectionOver(server, row)
    connection.useLimits(limitsOf(this.#parts.limits, server))
    return connection
  }

  /** For the platform itself, over one of the server's accounts; null: what there is without choosing one. */
  connectionOver(server: BrokeredServer, account: BrokeredCredential | null): UpstreamConnection {
    if (account === null || server.stdio) return this.connectionTo(server, null)
    const connection = this.#connectionOver(server, account)
    connection.useLimits(limitsOf(this.#parts.limits, server))
    return connection
  }

  #connectionOver(server: BrokeredServer, row: BrokeredCredential | null | undefined): UpstreamConnection {
    const key = row ? row.id : `${server.id} ${row === null ? 'none' : 'missing'}`
    const held = this.#held.get(key)
    if (held?.url === server.url && isSame(held.row, row ?? null)) {
      if (row) this.#noteUse(held, row)
      return held.connection
    }
    // Calls that are under way end over the old connection.
    void held?.connection.close().catch(() => {})
    const credential = row ? this.#open(server, row) : row === null ? noCredential : missingCredential
    const { limits, allowLinkLocal } = this.#parts
    const connection = new UpstreamConnection({ url: server.url, credential, limits, allowLinkLocal })
    const opened = { url: server.url, row: row ?? null, connection, notedAt: Number.NEGATIVE_INFINITY }
    this.#held.set(key, opened)
    if (row) this.#noteUse(opened, row)
    return connection
  }

  /** What the server said of itself, if it was spoken to already. */
  spokenTo(server: BrokeredServer): UpstreamConnection['spoken'] {
    try {
      return this.connectionTo(server, null).spoken
    } catch {
      return null
    }
  }

  /** Whether the rest of a stream can be had at the server, as far as is known. */
  keepsEvents(server: BrokeredServer): boolean {
    try {
      return this.connectionTo(server, null).keepsEvents
    } catch {
      return false
    }
  }

  /** Lets go of what no server or credential needs any more, with the secrets in it; calls that are under way end over it. */
  prune(servers: ReadonlyMap<string, BrokeredServer>): void {
    this.#servers = servers
    const needed = new Map<string, { url: string; row: BrokeredCredential | null }>()
    for (const { id, url, stdio, credentials } of servers.values()) {
      if (stdio) continue
      needed.set(`${id} ${credentials.length === 0 ? 'none' : 'missing'}`, { url, row: null })
      for (const row of credentials) needed.set(row.id, { url, row })
    }
    for (const [key, { url, row, connection }] of this.#held) {
      const now = needed.get(key)
      if (now?.url === url && isSame(now.row, row)) continue
      this.#held.delete(key)
      void connection.close().catch(() => {})
    }
    this.#stdio.prune(servers)
  }

  async destroy(): Promise<void> {
    await Promise.all([...[...this.#held.values()].map((held) => held.connection.destroy()), this.#stdio.destroy()])
    this.#held.clear()
  }

  #open(server: BrokeredServer, row: BrokeredCredential): UpstreamCredential {
    const { secretBox, ctx, exclusively } = this.#parts
    const { id: credentialId, kind, settings } = row
    const report = this.#reportOf(row)
    switch (kind) {
      case 'oauth_client':
        return new OAuthCredential({
          url: server.url,
          mayWiden: true,
          report,
          tellsExpiry: true,
          token: async ({ challenge, heldScope, heldKey }) => {
            const secret = await this.#secretOf(server, row)
            const keptIssuer = (issuer: string) => keepCredentialIssuer(ctx(), { credentialId, issuer })
            const asked = { serverUrl: server.url, settings, secret, challenge, heldScope, heldKey, keptIssuer }
            return await clientCredentialsToken(asked)
          },
        })
      case 'oauth_enterprise':
      case 'oauth_workload': {
        const obtain = kind === 'oauth_enterprise' ? enterpriseToken : workloadToken
        return new OAuthCredential({
          url: server.url,
          // What it gets the identity provider decides, or the authorization server that trusts the workload.
          mayWiden: true,
          report,
          token: ({ refused, challenge, heldScope }) =>
            obtain(
              ctx(),
              { secretBox, exclusively },
              { credentialId, serverUrl: server.url, settings, refused, challenge, heldScope },
            ),
        })
      }
      case 'oauth_person':
        return new OAuthCredential({
          url: server.url,
          mayWiden: false,
          report,
          token: ({ refused }) => personToken(ctx(), { secretBox, exclusively }, { credentialId, refused }),
        })
      default:
        return staticCredential(row, { open: () => this.#secretOf(server, row), report })
    }
  }

  #reportOf({ id: credentialId }: BrokeredCredential): CredentialReport {
    const { ctx, log } = this.#parts
    return new CredentialReport({ credentialId, ctx, log })
  }

  #processSecret(server: BrokeredServer, row: BrokeredCredential | null | undefined): ProcessSecret {
    if (row === null) return null
    if (row === undefined) throw new CredentialFailure('credential_missing', missingText)
    const open = (): Promise<string> => this.#secretOf(server, row)
    const report = (): CredentialReport => this.#reportOf(row)
    return { version: sealedBody(row.ciphertext), open, ofTeam: row.teamId !== null, report }
  }

  /** As it is sealed now: what is held for long outlives the key that was around its secret. */
  #secretOf({ id }: BrokeredServer, row: BrokeredCredential): Promise<string> {
    const now = this.#servers.get(id)?.credentials.find((each) => each.id === row.id) ?? row
    const { ciphertext } = isSame(now, row) ? now : row
    return this.#parts.secretBox.open(ciphertext, sealContexts.upstreamCredential(id, row.teamId))
  }

  #noteUse(held: Held, { id }: BrokeredCredential): void {
    const now = performance.now()
    if (now - held.notedAt < useMs) return
    held.notedAt = now
    recordCredentialUse(this.#parts.ctx(), { credentialId: id }).catch(() => {
      // Not worth a call: it is tried again with the next minute.
    })
  }
}

/** The same secret for the same use; a key that was wrapped anew changes nothing. */
function isSame(a: BrokeredCredential | null, b: BrokeredCredential | null): boolean {
  if (a === b) return true
  if (a === null || b === null || a.kind !== b.kind || a.headerName !== b.headerName) return false
  return Buffer.compare(sealedBody(a.ciphertext), sealedBody(b.ciphertext)) === 0
}
