import { mintSessionToken } from '#lib/auth/commands/agent-tokens.ts'
import { inTx } from '#lib/auth/ctx.ts'
import { explainRule } from '#lib/guardrails/rules/explain.ts'
import { factsOfLimit, type RecordedFacts } from '../limit-facts.ts'
import { type RunLimits, reachedLimit } from '../rules.ts'
import { askToStop } from '../stopping.ts'
import { type HarnessDeps, workerCtx } from './deps.ts'
import type { LeasedRun } from './leases.ts'

/** A token is replaced this long before it expires: several tries fit in. */
const renewMsBefore = 5 * 60_000

/** Looks at a running run once: its limits, its agent, its token. What must end is asked to stop; the rest goes on. */
export async function watchRun(deps: HarnessDeps, run: LeasedRun, limits: Partial<RunLimits>): Promise<void> {
  if (run.state !== 'running') return
  const now = new Date()
  const limit = reachedLimit(run, limits, now)
  if (limit) return await stopByRule(deps, run.id, limit, factsOfLimit(limit, run, limits, now))
  if (run.agentStatus !== 'active') return await stopByRule(deps, run.id, 'agent_not_active')
  if (run.tokenExpiresAt && run.tokenExpiresAt.getTime() - Date.now() < renewMsBefore) await renewToken(deps, run)
}

/** Puts a new token into every credential of the run's vault. A run that may not have one any more is stopped instead. */
async function renewToken(deps: HarnessDeps, run: LeasedRun): Promise<void> {
  const { id: runId, agentId, agentVersion: version, claudeVaultId: vaultId } = run
  const minted = await mintSessionToken(workerCtx(deps), { issuer: deps.tokens, agentId, version, runId })
  if (!minted.ok) return await stopByRule(deps, runId, minted.error.rule)
  if (!vaultId) return
  const { token, expiresAt } = minted.value
  for (const credentialId of run.claudeCredentialIds) {
    await deps.claude.rotateCredential({ vaultId, credentialId, token })
  }
  await deps.db.run.updateMany({ where: { id: runId }, data: { tokenExpiresAt: expiresAt } })
}

async function stopByRule(deps: HarnessDeps, runId: string, rule: string, facts: RecordedFacts = {}): Promise<void> {
  await inTx(workerCtx(deps), (_tx, ctx) => askToStop(ctx, { runId, rule, reason: explainRule(rule).title, facts }))
}
