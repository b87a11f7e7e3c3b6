import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { join } from 'node:path'
import { probeOwner, type StdioTicket } from '#lib/core/stdio-ticket.ts'
import { findStop, stopRule } from '#lib/killswitch/rules.ts'
import type { Log } from '#lib/log/log.ts'
import { programOfPackage, type ServerCommand } from '#lib/registry/schema/transport.ts'
import { type KillReport, programInside, type SandboxDriver } from '../driver.ts'
import type { StopView, StopWatch } from '../stop-watch.ts'
import { HostedProcess, type ProcessFacts } from './hosted-process.ts'
import type { StdioLimits } from './limits.ts'
import type { Packages } from './packages.ts'
import { StdioFailure } from './messages.ts'
import type { ProgramSpec } from './program.ts'
import type { RegisteredServer } from './registered.ts'
import type { SpoolSpace } from './spool.ts'

export type EndedProcess = { serverId: string; owner: string; report: KillReport }
export type HostedFacts = ProcessFacts & { serverId: string; owner: string }

type Owner = StdioTicket['owner']
type Hosted = { serverId: string; owner: Owner; environment: StdioTicket['environment']; process: HostedProcess }

export type StdioHostOptions = {
  driver: SandboxDriver
  limits: StdioLimits
  spools: SpoolSpace
  /** Below it a folder each for the servers that need files, named by their ids. */
  programsFolder: string
  packages: Packages
  watch: Pick<StopWatch, 'fresh' | 'read'>
  /** Why no server may be hosted here; null: they may. */
  problem: string | null
  log: Log
  onState: (facts: HostedFacts) => void
  onStarted: (ms: number) => void
  onEnded: (reason: string, report: KillReport) => void
}

/** The processes of servers over stdio: one per server and trust boundary, none that the registry or a stop order forbids. */
export class StdioHost {
  readonly #options: StdioHostOptions
  readonly #hosted = new Map<string, Hosted>()
  /** Being replaced or ended; they still hold their workspace. */
  readonly #ending = new Map<string, Promise<unknown>>()
  /** By order: what has been ended for it since it was given. */
  readonly #stopped = new Map<string, Promise<EndedProcess>[]>()
  #isDraining = false

  constructor(options: StdioHostOptions) {
    this.#options = options
  }

  get facts(): HostedFacts[] {
    return [...this.#hosted.values()].map(({ serverId, owner, process }) => ({
      serverId,
      owner: owner.key,
      ...process.facts,
    }))
  }

  get processes(): { serverId: string; owner: string; process: HostedProcess }[] {
    return [...this.#hosted.values()].map(({ serverId, owner, process }) => ({ serverId, owner: owner.key, process }))
  }

  /** The process of a ticket, made if it is new. Rejects with `StdioFailure` when it may not run; whatever is unknown is a no. */
  async find(ticket: StdioTicket): Promise<HostedProcess> {
    const server = await this.#admit(ticket)
    // Fetching takes its time: whether it may run is asked again after it.
    if (await this.#fetched(server.command)) return await this.find(ticket)
    const key = keyOf(ticket.serverId, ticket.owner.key)
    const spec = await this.#specOf(ticket, server)
    await this.#ending.get(key)
    const held = this.#hosted.get(key)
    if (held && !held.process.isEnded && isDeepStrictEqual(held.process.spec, spec)) return held.process
    if (held) {
      // What is under way has a moment to end; the workspace is free when it is over.
      await this.#end(key, held, { graceful: true, why: 'its program or its variables have changed' })
      return await this.find(ticket)
    }
    // An order may have come while the last steps waited; from here on `enforce` sees the process.
    this.#refuseWhenStopped(ticket)
    if (this.#hosted.size >= this.#options.limits.processesMax) this.#makeRoom()
    const { driver, limits, spools, onState, onStarted, onEnded } = this.#options
    const process = new HostedProcess({
      driver,
      spec,
      limits,
      spools,
      isOneAgents: ticket.owner.agentId !== null,
      onState: (facts) => onState({ serverId: ticket.serverId, owner: ticket.owner.key, ...facts }),
      onStarted,
      onEnded,
    })
    const { serverId, owner, environment } = ticket
    this.#hosted.set(key, { serverId, owner, environment, process })
    return process
  }

  /** Where processes are divided, the server's own one is nobody's: it only says what there is. */
  isForListing({ serverId, owner }: StdioTicket): boolean {
    const server = this.#options.watch.fresh()?.servers.get(serverId)
    if (owner.key === probeOwner.key) return true
    return owner.key === 'server' && server?.boundary !== 'server'
  }

  /** What the process of a program that is only looked at said last on its standard error; null: it is a server's. */
  lastWordsOf({ serverId, owner }: StdioTicket): string[] | null {
    if (owner.key !== probeOwner.key) return null
    return this.#hosted.get(keyOf(serverId, owner.key))?.process.facts.stderr ?? []
  }

  /** How long a server has for one request. */
  deadlineOf({ serverId }: StdioTicket): number {
    const { limits, watch } = this.#options
    const own = watch.fresh()?.servers.get(serverId)?.callDeadlineSeconds ?? null
    return own === null ? limits.requestMs : Math.max(limits.requestMs, own * 1000 + limits.marginMs)
  }

  /** Ends what the view says must end; resolves when it is over, with what was ever ended for each order in force. */
  async enforce(view: StopView): Promise<Map<string, EndedProcess[]>> {
    for (const id of this.#stopped.keys()) if (!view.orders.some((order) => order.id === id)) this.#stopped.delete(id)
    for (const [key, hosted] of this.#hosted) {
      const { serverId, owner } = hosted
      const order = findStop(view.orders, targetOf(serverId, owner))
      const now = { graceful: false, why: 'it was stopped' }
      if (order) {
        const ended = this.#end(key, hosted, now).then((report) => ({ serverId, owner: owner.key, report }))
        this.#stopped.set(order.id, [...(this.#stopped.get(order.id) ?? []), ended])
      } else if (!isHosted(view.servers.get(serverId), owner)) {
        void this.#end(key, hosted, { graceful: false, why: 'the registry does not have it so any more' })
      }
    }
    const outcomes = view.orders.map(async ({ id }) => [id, await Promise.all(this.#stopped.get(id) ?? [])] as const)
    return new Map(await Promise.all(outcomes))
  }

  /** Takes nothing new. */
  drain(): void {
    this.#isDraining = true
  }

  async endAll(options: { graceful: boolean }): Promise<void> {
    this.#isDraining = true
    const ends = [...this.#hosted].map(([key, hosted]) =>
      this.#end(key, hosted, { ...options, why: 'the sandbox service is being stopped' }),
    )
    await Promise.all([...ends, ...this.#ending.values()])
  }

  async #admit({ serverId, owner }: StdioTicket): Promise<RegisteredServer & { command: ServerCommand }> {
    const { watch, problem } = this.#options
    if (problem) throw refuse(problem)
    if (this.#isDraining) throw refuse('the sandbox service is being stopped')
    if (!watch.fresh()?.servers.has(serverId)) await watch.read()
    const view = this.#refuseWhenStopped({ serverId, owner })
    const server = view.servers.get(serverId)
    if (!server) throw refuse('no active server over stdio has this id')
    if (!isHosted(server, owner)) throw refuse('its processes are divided in another way')
    if (!server.command) throw refuse('what is registered of it is no command')
    return { ...server, command: server.command }
  }

  /** Makes sure that the package of a command is on this machine; whether it had to be fetched. */
  async #fetched({ package: reference }: ServerCommand): Promise<boolean> {
    if (!reference) return false
    const outcome = await this.#options.packages.ensure(reference)
    if (outcome.ok) return outcome.value.fetched
    const { name, version } = reference
    throw refuse(
      `its package ${name}@${version} is not on this machine and was not fetched again: ${outcome.error.message}`,
    )
  }

  #refuseWhenStopped({ serverId, owner }: Pick<StdioTicket, 'serverId' | 'owner'>): StopView {
    const view = this.#options.watch.fresh()
    if (!view) throw refuse('the sandbox service does not know the stop orders just now')
    const order = findStop(view.orders, targetOf(serverId, owner))
    if (order) throw refuse(`it is stopped (${stopRule(order)})`)
    return view
  }

  async #specOf(ticket: StdioTicket, server: RegisteredServer): Promise<ProgramSpec> {
    const { command, args, env, package: reference } = server.command!
    const given = Object.entries(ticket.environment).filter(([name]) => env.includes(name))
    const about = {
      environment: Object.fromEntries(given),
      workspace: workspaceOf(ticket.serverId, ticket.owner.key),
    }
    if (reference) {
      const program = programOfPackage.test(command) ? join(programInside, 'node_modules', '.bin', command) : ''
      const programFolder = this.#options.packages.folderOf(reference)
      return { ...about, command: { command: program, args }, programFolder, startsInFolder: false }
    }
    const folderId = server.probe ? server.probe.folder : ticket.serverId
    const folder = join(this.#options.programsFolder, folderId ?? '')
    const hasFolder = folderId !== null && (await stat(folder).catch(() => null))?.isDirectory() === true
    return { ...about, command: { command, args }, programFolder: hasFolder ? folder : null, startsInFolder: hasFolder }
  }

  #end(key: string, hosted: Hosted, options: { graceful: boolean; why: string }): Promise<KillReport> {
    this.#hosted.delete(key)
    const ending = hosted.process.end(options)
    const over = ending.finally(() => {
      if (this.#ending.get(key) === over) this.#ending.delete(key)
    })
    this.#ending.set(key, over)
    return ending
  }

  /** One that nobody uses makes room. */
  #makeRoom(): void {
    const idle = [...this.#hosted].find(([, { process }]) => process.using === 0)
    if (!idle) throw new StdioFailure('process_busy', 'all places for processes of servers are taken', 5000)
    void this.#end(...idle, { graceful: true, why: 'another one needed its place' })
  }
}

function isHosted(server: RegisteredServer | undefined, owner: Owner): boolean {
  if (!server) return false
  if (owner.key === probeOwner.key || server.probe) return owner.key === probeOwner.key && server.probe !== null
  // The server's own process lists the tools, however the others are divided; dividing them more than is asked for is never wrong.
  if (owner.key === 'server' || server.boundary === 'server') return true
  return owner.agentId !== null || (server.boundary === 'team' && owner.teamId !== null)
}

function targetOf(serverId: string, { teamId, agentId }: Owner) {
  return { serverId, teamId: teamId ?? '', agentId: agentId ?? '' }
}

function keyOf(serverId: string, owner: string): string {
  return `${serverId}/${owner}`
}

/** Ids of teams and agents may be long and alike; their digest is neither. */
function workspaceOf(serverId: string, owner: string): string {
  return `mcp-${serverId}-${createHash('sha256').update(owner).digest('hex').slice(0, 16)}`
}

/** Whether a process of the server has its files there. */
export function isWorkspaceOf(serverId: string, workspace: string): boolean {
  return workspace.startsWith(`mcp-${serverId}-`) && /^[0-9a-f]{16}$/.test(workspace.slice(serverId.length + 5))
}

function refuse(why: string): StdioFailure {
  return new StdioFailure('process_unavailable', why)
}
