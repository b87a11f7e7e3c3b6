import { DomainError } from '#lib/core/errors.ts'
import type { HarnessDeps } from './deps.ts'
import { removeLeftovers } from './leftovers.ts'

/**
 * Clears an ended run away at Claude: keeps the session's last totals, archives it, deletes its vault with the tokens. Nothing is left
 * that could act; what is gone already counts as cleared.
 */
export async function closeEndedRun(deps: HarnessDeps, runId: string): Promise<void> {
  await deps.exclusively(`run:${runId}`, async () => {
    const run = await deps.db.run.findUnique({
      where: { id: runId },
      select: {
        id: true,
        state: true,
        agentId: true,
        agentVersion: true,
        createdAt: true,
        claudeSessionId: true,
        claudeVaultId: true,
      },
    })
    if (!run || run.state === 'queued' || run.state === 'running' || run.state === 'stopping') return
    if (run.claudeSessionId) {
      await keepTotals(deps, runId, run.claudeSessionId)
      await deps.claude.archiveSession(run.claudeSessionId)
    } else {
      const { agentId, agentVersion: version } = run
      const binding = await deps.db.claudeBinding.findUnique({ where: { agentId_version: { agentId, version } } })
      if (binding) await removeLeftovers(deps, { ...run, claudeAgentId: binding.claudeAgentId })
    }
    if (run.claudeVaultId) await deps.claude.deleteVault(run.claudeVaultId)
    await deps.db.run.update({
      where: { id: runId },
      data: { claudeVaultId: null, claudeCredentialIds: [], tokenExpiresAt: null },
    })
  })
}

async function keepTotals(deps: HarnessDeps, runId: string, sessionId: string): Promise<void> {
  try {
    const { usage } = await deps.claude.getSession(sessionId)
    await deps.db.run.update({
      where: { id: runId },
      data: { activeMs: BigInt(usage.activeMs), listCostMicros: usage.listCostMicros },
    })
  } catch (error) {
    if (!(error instanceof DomainError && error.code === 'not_found')) throw error
  }
}
