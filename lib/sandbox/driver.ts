/**
 * What every sandbox driver can do. A driver owns one kind of isolation (bubblewrap here; OCI runtimes, Docker, Kubernetes later); all
 * above it is the same for each. A sandbox has one workspace; ending the sandbox keeps it, `discard` removes it.
 */
export type SandboxDriver = {
  readonly name: string
  /** Marks everything this installation starts, so that it is found again after a crash. */
  readonly label: string
  /** Tries what the driver needs on this host, in a sandbox of its own, and reports what is enforced. Never throws for a host that cannot. */
  probe(): Promise<Probe>
  /** Starts an empty sandbox on its workspace, making the workspace if it is new. Throws `unavailable`, or `conflict` while the id lives. */
  create(spec: SandboxSpec): Promise<SandboxInfo>
  /** Starts a program inside. Throws `not_found` when the sandbox is gone. */
  exec(id: string, spec: ExecSpec): Promise<Exec>
  /** Writes files, made inside: a path never means anything on the host. */
  putFiles(id: string, files: readonly SandboxFile[]): Promise<void>
  /** Reads files, read inside; missing ones are left out, links are followed only within the sandbox. Throws `invalid` over `bytesMax` in all. */
  getFiles(id: string, paths: readonly string[], options: { bytesMax: number }): Promise<SandboxFile[]>
  stats(id: string): Promise<SandboxStats>
  /** Ends the sandbox with everything in it and looks until nothing is left. Of an id that is gone: a report of nothing. */
  kill(id: string): Promise<KillReport>
  list(): Promise<SandboxInfo[]>
  /** Removes a workspace for good; its sandbox must be gone. */
  discard(workspace: string): Promise<void>
  workspaces(): Promise<WorkspaceInfo[]>
  /** Ends what an earlier process of this installation left behind, found by label. Call before the first `create`. */
  reap(): Promise<ReapReport>
}

/** Bounds of one sandbox. Bytes, counts, seconds; `cpus` in cores. */
export type SandboxLimits = {
  memoryBytes: number
  processes: number
  cpus: number
  diskBytes: number
  /** Each of /tmp and /dev/shm; counted as memory too. */
  scratchBytes: number
  openFiles: number
  fileBytes: number
  /** CPU time of one process. */
  cpuSeconds: number
}

export type SandboxSpec = {
  /** Lower-case letters, digits, hyphens; unique among live sandboxes. */
  id: string
  /** Which workspace to open; the same characters. Only one live sandbox may have it. */
  workspace: string
  limits: SandboxLimits
  /** A host folder that is seen read-only at `programInside`; its files must be readable for everybody. Never what a tenant names. */
  programFolder?: string
}

/** Where a sandbox sees its program folder, if it has one. */
export const programInside = '/opt/server'

export type SandboxInfo = { id: string; workspace: string; startedAt: Date; startMs: number }
export type WorkspaceInfo = { workspace: string; usedAt: Date }

export type ExecSpec = {
  argv: readonly [string, ...string[]]
  cwd?: string
  env?: Readonly<Record<string, string>>
  onOutput: (stream: 'stdout' | 'stderr', chunk: Uint8Array) => void
}

export type Exec = {
  /** Bytes that were written and are still here. */
  readonly waiting: number
  write(data: string | Uint8Array): void
  end(): void
  /** SIGKILLs the program and its process group; with `everything` every process of the sandbox. */
  kill(options?: { everything?: boolean }): void
  /** While held, nothing is read from the sandbox: its programs wait when the pipes are full. */
  holdOutput(held: boolean): void
  /** Never rejects. `lost` when the sandbox ended before the program did. */
  readonly exited: Promise<ExecExit>
}

export type ExecExit =
  | { kind: 'exited'; code: number | null; signal: string | null }
  | { kind: 'failed'; code: string | null }
  | { kind: 'lost'; message: string }

export type SandboxFile = { path: string; content: Uint8Array; executable?: boolean }

/** What is measured; null where the host does not tell. */
export type SandboxStats = {
  memoryBytes: number | null
  processes: number
  cpuMs: number | null
  memoryKills: number
}

export type KillReport = {
  id: string
  /** Processes that were alive when it began. */
  processes: number
  /** Host process ids still there at the end: not empty means not proven. */
  survivors: number[]
  ms: number
}

export type ReapReport = { sandboxes: string[]; processes: number }

/** How a limit is held; null: not at all on this host. */
export type Enforcement = {
  memory: 'cgroup v1' | 'cgroup v2' | 'per process' | null
  processes: 'cgroup v1' | 'cgroup v2' | 'rlimit' | null
  cpu: 'cgroup v1' | 'cgroup v2' | null
  disk: 'volume' | null
}

export type Probe = {
  driver: string
  version: string | null
  /** One sentence each, with what to do; a driver with problems refuses to create. */
  problems: string[]
  /** What was seen from inside. */
  isolation: Record<IsolationProperty, boolean>
  /** Sandboxes run under a host user of their own, not under the service's. */
  ownHostUser: boolean
  enforces: Enforcement
  startMs: number | null
}

/** All of them must hold, or nothing starts. */
export const isolationProperties = [
  'ownNamespaces',
  'noNetwork',
  'noHostFiles',
  'noHostEnvironment',
  'noHostProcesses',
  'noCapabilities',
  'noNewPrivileges',
  'systemCallFilter',
  'noNestedNamespaces',
  'readOnlyRoot',
] as const
export type IsolationProperty = (typeof isolationProperties)[number]
