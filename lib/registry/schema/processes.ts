import { z } from 'zod'
import { type ProcessBoundary, processBoundaries } from '#lib/core/process-boundary.ts'

export const processStates = ['stopped', 'starting', 'running', 'backing_off', 'crash_loop'] as const
export type ProcessState = (typeof processStates)[number]

/** What a sandbox service tells of a process of a server over stdio. */
export type RecordStdioProcessInput = {
  serverId: string
  owner: string
  instance: string
  state: ProcessState
  restarts: number
  lastError: string | null
  stderr: string[]
  memoryBytes: number | null
  startedAt: Date | null
}

/** One process of a server over stdio. Times are ISO 8601. */
export type StdioProcessView = Omit<RecordStdioProcessInput, 'serverId' | 'startedAt' | 'state'> & {
  /** `lost`: the service that ran it does not say anything any more. */
  state: ProcessState | 'lost'
  startedAt: string | null
  changedAt: string
}

/** How the processes of a server are divided, and how they are. */
export type ServerProcesses = { boundary: ProcessBoundary; processes: StdioProcessView[] }

export const setServerBoundaryInput = z.strictObject({ serverId: z.string(), boundary: z.enum(processBoundaries) })
export type SetServerBoundaryInput = z.infer<typeof setServerBoundaryInput>
