import type { JobHandlers } from '#lib/jobs/contracts.ts'
import { closeEndedRun } from './close.ts'
import type { HarnessDeps } from './deps.ts'
import { discoverAgents } from './discover.ts'
import { provisionAgent, StepFailed } from './provision.ts'
import { reconcileRuns } from './reconcile.ts'
import { runDueSchedules } from './schedules.ts'
import { startQueuedRun } from './start.ts'
import { stopStoppingRun } from './stop.ts'

/** The harness's part of the queue. `onStarted` is told when a run may have become one to follow. */
export function harnessHandlers(deps: HarnessDeps, onStarted: () => void) {
  return {
    async provisionAgent(payload, attempt) {
      try {
        await provisionAgent(deps, payload, attempt)
      } catch (error) {
        // The creation log has it, with a way to try again; the queue must not.
        if (!(error instanceof StepFailed)) throw error
      }
    },
    async startRun({ runId }, attempt) {
      await startQueuedRun(deps, runId, attempt)
      onStarted()
    },
    async stopRun({ runId }) {
      await stopStoppingRun(deps, runId)
    },
    async closeRun({ runId }) {
      await closeEndedRun(deps, runId)
    },
    async runSchedules() {
      await runDueSchedules(deps, new Date())
    },
    async discoverAgents() {
      await discoverAgents(deps)
    },
    async reconcileRuns() {
      await reconcileRuns(deps)
    },
  } satisfies Partial<JobHandlers>
}
