import { createPublicKey } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifiesAfterRetirementMs } from '#lib/auth/rules/access-token.ts'
import { agentFactsOf, type AgentRow, toolFactsOf } from '#lib/guardrails/queries/facts-sql.ts'
import type {
  AgentFacts,
  PolicyView,
  RunFacts,
  ServerFacts,
  StopFacts,
  ToolFacts,
} from '#lib/guardrails/rules/facts.ts'
import type { HoldRuleFacts } from '#lib/guardrails/schema/held-calls.ts'
import { openPolicySet } from '#lib/guardrails/queries.ts'
import { type PolicySet, refusingPolicySet } from '#lib/guardrails/rules/policy-set.ts'
import type { CredentialSettings } from '#lib/registry/schema.ts'
import type { VerifyingKey } from '../endpoint/tokens.ts'
import { OfferedTools } from './accounts.ts'
import type { KeyRow, PolicySetRow, RevocationRow, ServerRow } from './rows.ts'

/** A tool with its definition as agents are shown it. */
export type BrokeredTool = ToolFacts & { readonly definition: Record<string, unknown> }

/** So long a reload waits for policy sets. */
const openingMs = 300

/** A credential as it is stored: sealed. */
export type BrokeredCredential = {
  readonly id: string
  readonly teamId: string | null
  readonly kind: string
  readonly headerName: string | null
  readonly settings: CredentialSettings
  readonly ciphertext: Uint8Array
}

/** A server with where it is and what the broker shows it. The credential stays in here: no decision and no log sees it. */
export type BrokeredServer = Omit<ServerFacts, 'tools'> & {
  /** Empty for a server over stdio. */
  readonly url: string
  readonly maskSecrets: boolean
  readonly blockMarked: boolean
  readonly isPrivate: boolean
  readonly callsPerSecond: number | null
  readonly callDeadlineSeconds: number | null
  readonly resultBytesMax: number | null
  readonly resultDepthMax: number | null
  readonly stdio: ServerRow['stdio']
  /** The server's own first, then those of teams. */
  readonly credentials: readonly BrokeredCredential[]
  readonly tools: ReadonlyMap<string, BrokeredTool>
}

/**
 * The registry as this broker knows it. Maps are changed in place between two awaits, the facts in them never: so a decision always sees
 * one state, and what follows from facts can be remembered with them.
 */
export class BrokerView implements PolicyView {
  readonly agents = new Map<string, AgentFacts>()
  readonly servers = new Map<string, BrokeredServer>()
  readonly runs = new Map<string, RunFacts>()
  readonly offered = new OfferedTools()
  readonly keys = new Map<string, VerifyingKey>()
  /** Tokens and clients whose tokens count no more, as the verifier of tokens names them. */
  readonly revoked = new Set<string>()
  /** The same array as long as the orders are the same. */
  stops: readonly StopFacts[] = []
  /** When what agents have spent was last compared with their budgets; null: never. */
  spendingLookedAt: Date | null = null
  /** Another number means that servers may have changed. */
  serversTurn = 0
  holdRules: readonly HoldRuleFacts[] = []
  policies: PolicySet = refusingPolicySet('none', 'no policy set is enforced.')
  /** Judges in log-only: what it would have decided is recorded. */
  candidate: PolicySet | null = null
  #turn = 0
  /** When the snapshot this view shows was taken, in milliseconds of the monotonic clock; -Infinity before the first. */
  loadedAt = Number.NEGATIVE_INFINITY

  putAgents(rows: readonly AgentRow[]): void {
    for (const row of rows) this.agents.set(row.id, agentFactsOf(row))
  }

  putServers(rows: readonly ServerRow[]): void {
    if (rows.length > 0) this.serversTurn += 1
    for (const { credentials, tools, ...server } of rows) {
      this.servers.set(server.id, {
        ...server,
        credentials: credentials.map((row) => ({ ...row, ciphertext: Buffer.from(row.ciphertext, 'base64') })),
        tools: toolFactsOf(server.id, tools),
      })
    }
  }

  /** What each account of a server is offered, by credential; null: its list is everybody's. */
  putOffered(serverId: string, accounts: ReadonlyMap<string, ReadonlySet<unknown>> | null): void {
    const server = this.servers.get(serverId)
    if (!server || !this.offered.note(serverId, accounts)) return
    this.serversTurn += 1
    this.servers.set(serverId, { ...server })
  }

  putRuns(rows: readonly RunFacts[]): void {
    for (const run of rows) this.runs.set(run.id, run)
  }

  putKeys(rows: readonly KeyRow[]): void {
    this.keys.clear()
    for (const { kid, publicJwk, retiredAt } of rows) {
      // Only keys of the one algorithm tokens are signed with: nothing else can be confused with one.
      if (publicJwk.kty !== 'OKP' || publicJwk.crv !== 'Ed25519') continue
      const key = createPublicKey({ key: publicJwk, format: 'jwk' })
      const until = retiredAt ? retiredAt.getTime() + verifiesAfterRetirementMs : Number.POSITIVE_INFINITY
      this.keys.set(kid, { key, until })
    }
  }

  putRevocations(rows: readonly RevocationRow[]): void {
    this.revoked.clear()
    for (const { name } of rows) this.revoked.add(name)
  }

  putStops(stops: readonly StopFacts[]): void {
    const before = this.stops
    if (stops.length !== before.length || stops.some(({ id }, index) => id !== before[index]!.id)) this.stops = stops
  }

  /**
   * Follows what is enforced and log-only. Parsed anew only where another version is used: one that was only logged is ready, and remembers what it decided. Large sets take seconds:
   * that long those before go on, and the rest of the registry, above all stops, is not kept waiting.
   */
  async putPolicySets(rows: readonly PolicySetRow[]): Promise<void> {
    const turn = (this.#turn += 1)
    const known = [this.policies, this.candidate]
    const open = async (state: PolicySetRow['state']) => {
      const row = rows.find((row) => row.state === state)
      if (!row) return null
      return known.find((set) => set?.version === row.version && !set.failed) ?? (await openPolicySet(row))
    }
    const opening = (async () => {
      const enforced = await open('enforced')
      if (turn === this.#turn) this.policies = enforced ?? refusingPolicySet('none', 'no policy set is enforced.')
      const logged = await open('log_only')
      if (turn === this.#turn) this.candidate = logged
    })()
    await Promise.race([opening, sleep(openingMs, undefined, { ref: false })])
  }

  forget({ agentIds, serverIds, runIds }: Record<'agentIds' | 'serverIds' | 'runIds', readonly string[]>): void {
    if (serverIds.length > 0) this.serversTurn += 1
    for (const id of agentIds) this.agents.delete(id)
    for (const id of serverIds) this.servers.delete(id)
    for (const id of runIds) this.runs.delete(id)
  }

  clear(): void {
    this.serversTurn += 1
    this.agents.clear()
    this.servers.clear()
    this.runs.clear()
  }
}
