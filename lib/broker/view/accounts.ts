import type { BrokeredCredential, BrokeredServer } from './view.ts'

/**
 * The account that calls of a team go over, or those of the platform itself (null): its own, else the server's. null: the server has no
 * credential at all; undefined: other teams have one, this one has none.
 */
export function credentialFor(
  { credentials }: Pick<BrokeredServer, 'credentials'>,
  teamId: string | null,
): BrokeredCredential | null | undefined {
  if (credentials.length === 0) return null
  const first = credentials[0]!
  if (teamId === null) return first
  return credentials.find((row) => row.teamId === teamId) ?? (first.teamId === null ? first : undefined)
}

/**
 * Which tools each account of a server is offered, as they were listed over it last: an agent is shown what its team's account is offered,
 * and not what another team's is. Of a server with one account, and of an account that was not listed yet, nothing is hidden.
 */
export class OfferedTools {
  readonly #servers = new Map<string, ReadonlyMap<string, ReadonlySet<unknown>>>()

  /** By credential; null: the server's list is everybody's. True when it is another than before. */
  note(serverId: string, accounts: ReadonlyMap<string, ReadonlySet<unknown>> | null): boolean {
    const before = this.#servers.get(serverId)
    if (accounts === null) return this.#servers.delete(serverId)
    this.#servers.set(serverId, accounts)
    return before?.size !== accounts.size || [...accounts].some(([id, names]) => !isSame(before.get(id), names))
  }

  of(serverId: string): ReadonlyMap<string, ReadonlySet<unknown>> {
    return this.#servers.get(serverId) ?? new Map()
  }

  keepOnly(servers: ReadonlyMap<string, BrokeredServer>): void {
    for (const id of this.#servers.keys()) if (!servers.has(id)) this.#servers.delete(id)
  }

  /** To agents of a team. */
  isOffered(server: BrokeredServer, teamId: string, tool: string): boolean {
    const accounts = this.#servers.get(server.id)
    if (!accounts) return true
    const account = credentialFor(server, teamId)
    return !account || (accounts.get(account.id)?.has(tool) ?? true)
  }
}

function isSame(before: ReadonlySet<unknown> | undefined, names: ReadonlySet<unknown>): boolean {
  return before !== undefined && before.size === names.size && [...names].every((name) => before.has(name))
}
