import { once } from 'node:events'
import type { Server } from 'node:http'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import type { BrokerConfig } from '#lib/config/broker.ts'
import { claimProof } from '#lib/auth/commands/proofs.ts'
import { createDb, type Db } from '#lib/db/client.ts'
import { createLocks, type Locks } from '#lib/db/locks.ts'
import { createKeyring, type Keyring } from '#lib/keys/commands.ts'
import { noteUnregistered } from '#lib/registry/commands.ts'
import type { Log } from '#lib/log/log.ts'
import { GroupCommit } from './audit/group-commit.ts'
import type { AuditRow } from './audit/records.ts'
import { RefusedCallers } from './audit/refused-callers.ts'
import { RefusedCalls } from './audit/refused-calls.ts'
import { StrangerLog } from './audit/strangers.ts'
import { UnknownCallers } from './audit/unknown-callers.ts'
import { Conversations } from './conversation/conversations.ts'
import { Discovery } from './discovery.ts'
import { eachForItself } from './each-for-itself.ts'
import { Cancellations } from './endpoint/cancellations.ts'
import { SeenProofs } from './endpoint/proofs.ts'
import { RequestBodies } from './endpoint/request-bodies.ts'
import { SdkEndpoint } from './endpoint/sdk.ts'
import { trackConnections } from './endpoint/connections.ts'
import { createEndpoint } from './endpoint/server.ts'
import { TokenVerifier } from './endpoint/tokens.ts'
import { GrantRates } from './grant-rates.ts'
import { HeldAtOnce } from './holding/held-at-once.ts'
import { WaitingCalls } from './holding/waiting.ts'
import { InFlight } from './in-flight.ts'
import { type Limits, simulatedLimits, standardLimits } from './limits.ts'
import { BrokerMetrics } from './metrics.ts'
import { PolicyNotes } from './policy-notes.ts'
import { RateLimits, ratesOfProofs } from './rate-limits.ts'
import { RegistryDoor } from './registry/door.ts'
import { RegistryThread } from './registry/thread.ts'
import { Replicas } from './replicas.ts'
import { StopWatch } from './stop-watch.ts'
import { TaskEnds } from './tasks/task-ends.ts'
import type { Tracer } from './telemetry/request-telemetry.ts'
import { UpstreamHealth } from './upstream/health.ts'
import { UpstreamPool } from './upstream/pool.ts'
import { ViewKeeper } from './view/keeper.ts'
import type { BrokerView } from './view/view.ts'

export type BrokerOptions = {
  config: Omit<BrokerConfig, 'limits' | 'tracing' | 'metricsToken' | 'metricSeriesMax' | 'connectionsMax'> & {
    limits: Partial<BrokerConfig['limits']>
    metricsToken?: string | null
    metricSeriesMax?: number
    connectionsMax?: number
  }
  db: Db
  /** Made of the configuration if left out. */
  keyring?: Keyring
  log: Log
  /** Left out: no spans. */
  tracer?: Tracer | null
  now?: () => Date
  limits?: Partial<Limits>
}

/** Less than the 20 minutes for which a view reads that a credential was revoked. */
const revocationsReadMs = 15 * 60_000
/** Longer than a token takes to be had anew: an authorization server is asked several times, ten seconds each. */
const lockWaitMs = 60_000

/** One broker: put together here, begun by `start`, ended by `stop` (what is under way ends by itself) or `abort` (at once). */
export class Broker {
  readonly discovery: Discovery
  readonly keeper: ViewKeeper
  readonly #options: BrokerOptions
  readonly #audit: GroupCommit
  readonly #strangers: StrangerLog
  readonly #refusedCallers: RefusedCallers
  readonly #refusedCalls: RefusedCalls
  readonly #unknownCallers: UnknownCallers
  readonly #upstreams: UpstreamPool
  readonly #counting: Db
  readonly #claiming: Db
  readonly #locks: Locks
  readonly #health: UpstreamHealth
  readonly #inFlight = new InFlight()
  readonly #waiting: WaitingCalls
  readonly #bodies: RequestBodies
  readonly #replicas: Replicas
  readonly #stopWatch: StopWatch
  readonly #taskEnds: TaskEnds
  readonly conversations: Conversations
  readonly #sdk: SdkEndpoint
  readonly #registry: RegistryDoor
  readonly #server: Server
  readonly #connections: ReturnType<typeof trackConnections>
  #draining = false
  readonly #policyNotes: PolicyNotes
  #reloadedAt = performance.now()

  constructor(options: BrokerOptions) {
    this.#options = options
    const { config, db, log } = options
    this.#policyNotes = new PolicyNotes(log)
    const now = options.now ?? (() => new Date())
    const limits = { ...standardLimits, ...config.limits, ...options.limits }
    const ctx = (): Ctx => ({ db, actor: systemActor('broker'), now: now() })
    const { databaseUrl, brokerUrl, url: portalUrl } = config
    const instance = `${hostname()}:${config.port}`

    this.#replicas = new Replicas({ ctx, instance, log })
    this.#stopWatch = new StopWatch({ inFlight: this.#inFlight, ctx, instance, log })
    this.#waiting = new WaitingCalls({ ctx, log })
    this.#bodies = new RequestBodies(limits)
    const cancellations = new Cancellations((digest) => {
      db.$executeRaw`select pg_notify('wheelhouse_cancel', ${digest})`.catch((error: unknown) => {
        log.warn({ err: error }, 'a cancellation could not be told to the other replicas')
      })
    })
    this.keeper = new ViewKeeper({
      databaseUrl,
      log,
      onReload: (view) => this.#reloaded(view),
      onHeld: (heldCallId) => this.#waiting.nudge(heldCallId),
      onCancel: (digest) => cancellations.cancelDigest(digest),
      onTalk: (payload) => this.conversations.nudge(payload),
    })
    this.#health = new UpstreamHealth({ limits, ctx, instance, log })
    const metrics = new BrokerMetrics({
      seriesMax: config.metricSeriesMax ?? 1000,
      upstreams: () => this.#health.all(this.keeper.view.servers),
      inFlight: () => this.#inFlight.size,
      held: () => this.#waiting.size,
      viewAgeSeconds: () => this.keeper.ageMs() / 1000,
      viewReads: () => this.keeper.reads,
      auditWaiting: () => this.#audit.waiting,
    })
    this.#audit = new GroupCommit({ databaseUrl, log, limits, onBatch: (rows) => metrics.batch(rows) })
    const append = (row: AuditRow) => this.#audit.append(row, { happened: false })
    this.#strangers = new StrangerLog({ append, now })
    this.#refusedCallers = new RefusedCallers({ append, now })
    this.#refusedCalls = new RefusedCalls({ append })
    this.#unknownCallers = new UnknownCallers({
      write: (sightings) => noteUnregistered(ctx(), sightings),
      portalUrl,
      onError: (error) => log.warn({ err: error }, 'unknown callers could not be noted'),
    })
    // Connections of their own: what counts a call must not wait for a transaction that waits for the count, nor for a flood of proofs.
    const apart = { poolSize: 2, answerMs: limits.auditWaitMs }
    this.#counting = createDb(databaseUrl, apart)
    this.#claiming = createDb(databaseUrl, apart)
    this.#locks = createLocks({ databaseUrl, poolSize: 4, waitMs: lockWaitMs, log })
    const { exclusively } = this.#locks
    const secretBox = options.keyring ?? createKeyring(config.keys, db)
    this.#upstreams = new UpstreamPool({
      secretBox,
      limits,
      ctx,
      exclusively,
      log,
      stdio: config.stdio,
      allowLinkLocal: config.allowLinkLocal,
    })
    this.conversations = new Conversations(secretBox, { ctx, log, askDeadlineMs: limits.askDeadlineMs })
    const { view } = this.keeper
    const { tasks, taskBook } = this.conversations
    const ending = { view, now, limits, upstreams: this.#upstreams, audit: this.#audit, log }
    this.#taskEnds = new TaskEnds({ ...ending, tasks, taskBook })
    this.discovery = new Discovery({
      view,
      upstreams: this.#upstreams,
      health: this.#health,
      limits,
      ctx,
      instance,
      log,
    })
    this.#sdk = new SdkEndpoint((error) => log.debug({ err: error }, 'a request was refused by the protocol'))
    const people = { demoPeople: config.demo, brokerUrl, portalUrl, limits: simulatedLimits(limits) }
    this.#registry = new RegistryDoor({
      thread: new RegistryThread({ databaseUrl, logLevel: config.logLevel, ...people }, log),
      addresses: { brokerUrl, portalUrl },
      limits,
      strangers: this.#strangers,
      isDraining: () => this.#draining,
      onRefused: (rule) => metrics.refused(rule),
    })
    const refresh = () => this.keeper.refreshSoon()
    const agentRate = (id: string) => view.agents.get(id)?.callsPerSecond
    const ownRates = { agent: agentRate, server: (id: string) => view.servers.get(id)?.callsPerSecond }
    this.#server = createEndpoint({
      pipeline: {
        view,
        audit: this.#audit,
        refusedCalls: this.#refusedCalls,
        upstreams: this.#upstreams,
        health: this.#health,
        rates: new RateLimits(limits, ownRates, { brokers: () => this.#replicas.live }),
        grantRates: new GrantRates({ db: this.#counting, log, waitMs: limits.auditWaitMs }),
        inFlight: this.#inFlight,
        holding: {
          view,
          waiting: this.#waiting,
          atOnce: new HeldAtOnce(limits),
          ctx,
          now,
          instance,
          viewAgeMsMax: limits.viewAgeMsMax,
          log,
        },
        metrics,
        tracer: options.tracer ?? null,
        conversations: this.conversations,
        limits,
        portalUrl,
        now,
        refresh,
        lookAgain: (server) => this.discovery.again(server),
      },
      keeper: this.keeper,
      authentication: {
        tokens: new TokenVerifier({
          issuer: portalUrl,
          broker: `${brokerUrl}/mcp`,
          keys: view.keys,
          revoked: view.revoked,
        }),
        proofs: new SeenProofs({ claim: (proof) => claimProof({ ...ctx(), db: this.#claiming }, proof), log }),
        proofRates: ratesOfProofs(limits, agentRate),
        refresh,
        now,
      },
      strangers: this.#strangers,
      refusedCallers: this.#refusedCallers,
      unknownCallers: this.#unknownCallers,
      sdk: this.#sdk,
      registry: this.#registry,
      cancellations,
      bodies: this.#bodies,
      addresses: { brokerUrl, portalUrl },
      metricsToken: config.metricsToken ?? null,
      connectionsMax: config.connectionsMax ?? 16_384,
      isDraining: () => this.#draining,
      unready: () => [
        ...(this.#draining ? ['draining'] : []),
        ...(this.keeper.ageMs() > limits.viewAgeMsMax ? ['view_stale'] : []),
        ...(this.#audit.available ? [] : ['audit_unavailable']),
        ...(view.policies.problem ? ['policy_error'] : []),
      ],
      log,
    })
    this.#connections = trackConnections(this.#server)
  }

  /** How many calls wait here for a person. */
  get waitingCalls(): number {
    return this.#waiting.size
  }

  /** Bytes of requests under way here that did not come at once. */
  get requestBytes(): number {
    return this.#bodies.bytes
  }

  async start(): Promise<void> {
    const { host, port } = this.#options.config
    await Promise.all([this.keeper.start(), this.#audit.start(), this.#replicas.start(), this.#health.start()])
    this.#server.listen({ host, port })
    await once(this.#server, 'listening')
    this.discovery.start()
  }

  /**
   * Says it is not ready and refuses what is new (503, Retry-After), at least for `noticeMs` so that a balancer notices; lets what is under way
   * end and be recorded; then closes every connection and everything else.
   */
  async stop({ noticeMs = 0 }: { noticeMs?: number } = {}): Promise<void> {
    this.#draining = true
    const left = this.#replicas.stop()
    await this.discovery.stop()
    await sleep(noticeMs)
    this.#waiting.stop()
    while (this.#inFlight.size > 0) await sleep(20)
    await Promise.all([this.#sdk.close(), this.#registry.close()])
    this.conversations.streams.endAll(null)
    await this.conversations.stop()
    await this.#connections.close()
    this.#strangers.flush()
    this.#refusedCallers.flush()
    this.#refusedCalls.flush()
    await this.#unknownCallers.flush()
    await this.keeper.stop()
    await Promise.all([this.#stopWatch.settled(), this.#taskEnds.settled()])
    await Promise.all([this.#health.stop(), left])
    await this.#audit.stop()
    await this.#upstreams.destroy()
    await this.#locks.stop()
    await Promise.all([this.#counting.$disconnect(), this.#claiming.$disconnect()])
  }

  /** For a process that ends at once. */
  logUnrecorded(): void {
    this.#audit.logUnrecorded()
  }

  #reloaded(view: BrokerView): void {
    const now = this.#options.now?.() ?? new Date()
    this.#policyNotes.note(view)
    // Revocations are read for some minutes only: whoever waited out a longer gap must come back, with a token that counts.
    if (performance.now() - this.#reloadedAt > revocationsReadMs) this.#waiting.letGo()
    this.#reloadedAt = performance.now()
    eachForItself(this.#options.log, [
      () => this.#stopWatch.enforce(view),
      () => this.#waiting.recheck(view, now),
      () => this.conversations.streams.recheck(view, now),
      () => this.conversations.taskListeners.recheck(view, now),
      () => this.#upstreams.prune(view.servers),
    ])
    void this.#taskEnds.recheck()
  }

  /** Ends what is under way; each call is still answered and recorded. */
  abort(): void {
    this.#waiting.stop()
    this.#inFlight.abortAll({ rule: 'draining', message: 'This broker is being stopped.' })
  }
}
