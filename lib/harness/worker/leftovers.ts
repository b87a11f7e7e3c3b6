import type { HarnessDeps } from './deps.ts'
import { marks } from './deps.ts'

type Run = {
  id: string
  createdAt: Date
  claudeAgentId: string
  claudeSessionId: string | null
  claudeVaultId: string | null
}

/** Ends every session of a run at Claude but `except`, with its vaults: what a crash between creating and writing down has left. */
export async function removeLeftovers(deps: HarnessDeps, run: Run): Promise<void> {
  const createdSince = new Date(run.createdAt.getTime() - 60_000)
  for await (const session of deps.claude.listSessions({ agentId: run.claudeAgentId, createdSince })) {
    if (session.metadata[marks.run] !== run.id || session.id === run.claudeSessionId) continue
    if (!session.archivedAt) await deps.claude.archiveSession(session.id)
    for (const vaultId of session.vaultIds) if (vaultId !== run.claudeVaultId) await deps.claude.deleteVault(vaultId)
  }
}
