import { z } from 'zod'
import type { Db } from '#lib/db/client.ts'
import type { RunState } from '#lib/db/generated/client.ts'
import { type SandboxLimits as ProfileLimits, sandboxLimits } from '#lib/templates/schema.ts'
import type { SandboxLimits } from './driver.ts'
import type { ToolLimits } from './session-sandbox.ts'

/** What the service has to know about the run behind a session. */
export type RunFacts = {
  sessionId: string
  runId: string
  agentId: string
  teamId: string
  /** The run is open and its agent active: only then may it have a sandbox. */
  isOpen: boolean
  /** The run has ended and its session with it. */
  isOver: boolean
  /** Why not, in words for the agent. */
  closedBecause: string | null
}

const openStates: ReadonlySet<RunState> = new Set(['queued', 'running'])
const rendered = z.object({ limits: z.object({ sandbox: sandboxLimits }) })

/** The runs behind sessions; a session that is nobody's run is left out. */
export async function findRuns(db: Db, sessionIds: readonly string[]): Promise<RunFacts[]> {
  if (!sessionIds.length) return []
  const runs = await db.run.findMany({
    where: { claudeSessionId: { in: [...sessionIds] } },
    select: {
      id: true,
      state: true,
      endedAt: true,
      agentId: true,
      claudeSessionId: true,
      agent: { select: { ownerTeamId: true, status: true } },
    },
  })
  return runs.map((run) => {
    const closedBecause = closedReason(run.state, run.agent.status)
    return {
      sessionId: run.claudeSessionId!,
      runId: run.id,
      agentId: run.agentId,
      teamId: run.agent.ownerTeamId,
      isOpen: closedBecause === null,
      isOver: run.endedAt !== null,
      closedBecause,
    }
  })
}

/** The limits of the sandbox profile that the run's agent version was rendered with. */
export async function profileOf(db: Db, runId: string): Promise<ProfileLimits> {
  const { agentId, agentVersion } = await db.run.findUniqueOrThrow({
    where: { id: runId },
    select: { agentId: true, agentVersion: true },
  })
  const version = await db.agentVersion.findUniqueOrThrow({
    where: { agentId_version: { agentId, version: agentVersion } },
    select: { rendered: true },
  })
  return rendered.parse(version.rendered).limits.sandbox
}

const mebibyte = 1 << 20
/** The supervisor lives in the sandbox too; what a profile gives is the agent's alone. */
const supervisorShare = { memoryBytes: 64 * mebibyte, processes: 16 }

export function toLimits(profile: ProfileLimits): SandboxLimits {
  const memoryBytes = profile.memoryMb * mebibyte
  const diskBytes = profile.diskMb * mebibyte
  return {
    memoryBytes: memoryBytes + supervisorShare.memoryBytes,
    processes: profile.processes + supervisorShare.processes,
    cpus: profile.cpus,
    diskBytes,
    scratchBytes: Math.min(Math.floor(memoryBytes / 4), 256 * mebibyte),
    openFiles: 1024,
    fileBytes: diskBytes,
    // One process may use every core it is given for as long as a command may take.
    cpuSeconds: Math.ceil(profile.commandSeconds * Math.max(1, profile.cpus)) + 5,
  }
}

export function toToolLimits(profile: ProfileLimits): ToolLimits {
  const commandMsMax = profile.commandSeconds * 1000
  return {
    commandMsDefault: Math.min(120_000, commandMsMax),
    commandMsMax,
    fileBytesMax: 256 * 1024,
    shell: { keepBytes: 100_000, outputBytesMax: 32 * mebibyte },
  }
}

function closedReason(state: RunState, status: string): string | null {
  if (status !== 'active') return `The agent is ${status}, so its run has no sandbox.`
  return openStates.has(state) ? null : `The run is ${state}, so it has no sandbox.`
}
