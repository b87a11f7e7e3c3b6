import { recordAudit } from '#lib/audit/commands.ts'
import { mintSessionToken } from '#lib/auth/commands/agent-tokens.ts'
import { inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Attempt } from '#lib/jobs/contracts.ts'
import type { RenderedAgent } from '#lib/templates/schema.ts'
import { spentThisMonth } from '../launch.ts'
import { defaultMonthlyBudgetMicros } from '../rules.ts'
import { environmentName, type HarnessDeps, marks, workerCtx } from './deps.ts'
import { removeLeftovers } from './leftovers.ts'
import { endRun } from './run-end.ts'
import { lockRun } from './run-log.ts'

/**
 * Gives a queued run its session: a vault with one broker token per MCP server, a session on exactly the bound agent version, then its
 * first message, in this order, so that the run is known by its session before anything happens in it. Safe to repeat after a crash anywhere.
 */
export async function startQueuedRun(deps: HarnessDeps, runId: string, attempt: Attempt): Promise<void> {
  await deps.exclusively(`run:${runId}`, async () => {
    try {
      const run = await readRun(deps, runId)
      if (run?.state === 'queued') await createSession(deps, run, attempt)
      else if (run?.state === 'running') await sendFirstMessage(deps, run)
    } catch (error) {
      const final = attempt.last || (error instanceof DomainError && error.code === 'invalid')
      if (!final) throw error
      deps.log.error({ err: error, runId }, 'a run could not be started')
      await failToStart(deps, runId, error instanceof DomainError ? error.message : 'The run could not be started.')
    }
  })
}

type Run = NonNullable<Awaited<ReturnType<typeof readRun>>>

async function readRun(deps: HarnessDeps, runId: string) {
  const run = await deps.db.run.findUnique({
    where: { id: runId },
    select: {
      id: true,
      agentId: true,
      agentVersion: true,
      state: true,
      input: true,
      createdAt: true,
      claudeSessionId: true,
      claudeVaultId: true,
      agent: { select: { name: true, ownerTeamId: true, monthlyBudgetMicros: true } },
    },
  })
  if (!run) return null
  const version = await deps.db.agentVersion.findUniqueOrThrow({
    where: { agentId_version: { agentId: run.agentId, version: run.agentVersion } },
    select: { rendered: true, claude: { select: { claudeAgentId: true, claudeVersion: true } } },
  })
  return { ...run, rendered: version.rendered as RenderedAgent, claude: version.claude }
}

async function createSession(deps: HarnessDeps, run: Run, attempt: Attempt): Promise<void> {
  const { claude } = deps
  if (!run.claude) throw new DomainError('invalid', 'The version of this run does not exist at Claude.')
  const claudeAgentId = run.claude.claudeAgentId
  if (attempt.number > 1 || run.claudeVaultId) {
    await removeLeftovers(deps, { ...run, claudeAgentId })
    if (run.claudeVaultId) await claude.deleteVault(run.claudeVaultId)
  }
  const minted = await mintSessionToken(workerCtx(deps), {
    issuer: deps.tokens,
    agentId: run.agentId,
    version: run.agentVersion,
    runId: run.id,
  })
  if (!minted.ok) return await refuseQueued(deps, run, minted.error)

  const vault = await claude.createVault({ name: `run ${run.id}`, metadata: { [marks.run]: run.id } })
  await deps.db.run.updateMany({ where: { id: run.id }, data: { claudeVaultId: vault.id } })
  const credentialIds: string[] = []
  for (const server of run.rendered.mcpServers) {
    const { id } = await claude.createCredential({
      vaultId: vault.id,
      mcpServerUrl: `${deps.brokerUrl}${server.path}`,
      token: minted.value.token,
      name: server.name,
    })
    credentialIds.push(id)
  }
  const environment = await claude.ensureEnvironment(environmentName)
  const session = await claude.createSession({
    agent: { id: claudeAgentId, version: run.claude.claudeVersion },
    environmentId: environment.id,
    vaultIds: [vault.id],
    title: `${run.agent.name} (${run.agentId})`,
    metadata: { [marks.run]: run.id, [marks.agent]: run.agentId, [marks.version]: String(run.agentVersion) },
    budgetMicros: claude.capabilities.budgets ? await ceilingOf(deps, run) : undefined,
  })
  const started = { claudeSessionId: session.id, tokenExpiresAt: minted.value.expiresAt, credentialIds }
  if (await markRunning(deps, run, started)) {
    await sendFirstMessage(deps, { ...run, claudeSessionId: session.id })
  } else {
    // Stopped while its session was being made: nothing has happened in it, and nothing will.
    await claude.archiveSession(session.id)
    await claude.deleteVault(vault.id)
  }
}

async function markRunning(
  deps: HarnessDeps,
  run: Run,
  started: { claudeSessionId: string; tokenExpiresAt: Date; credentialIds: string[] },
): Promise<boolean> {
  return inTx(workerCtx(deps), async (tx, ctx) => {
    const { count } = await tx.run.updateMany({
      where: { id: run.id, state: 'queued' },
      data: {
        state: 'running',
        startedAt: ctx.now,
        simulated: deps.simulated,
        claudeSessionId: started.claudeSessionId,
        claudeServer: deps.claude.server,
        claudeCredentialIds: started.credentialIds,
        tokenExpiresAt: started.tokenExpiresAt,
      },
    })
    if (count === 0) return false
    recordAudit(tx, ctx, {
      event: 'run.started',
      subject: { kind: 'run', id: run.id, name: run.agent.name },
      detail: { claudeSessionId: started.claudeSessionId, simulated: deps.simulated },
      agentId: run.agentId,
      teamId: run.agent.ownerTeamId,
      runId: run.id,
    })
    return true
  })
}

/** Once: a session that has a message already has this one. */
async function sendFirstMessage(deps: HarnessDeps, run: Pick<Run, 'input' | 'claudeSessionId'>): Promise<void> {
  if (!run.claudeSessionId) return
  const events = await deps.claude.listEvents(run.claudeSessionId)
  if (events.some((event) => event.type === 'user.message')) return
  await deps.claude.sendMessage(run.claudeSessionId, run.input)
}

/** The template's ceiling for one run, but never more than what is left of the month's budget. */
async function ceilingOf(deps: HarnessDeps, run: Run): Promise<bigint> {
  const budget = run.agent.monthlyBudgetMicros ?? defaultMonthlyBudgetMicros
  const left = budget - (await spentThisMonth(deps.db, run.agentId, new Date()))
  const own = BigInt(run.rendered.limits.runBudgetMicros)
  return left < own ? left : own
}

/** Accepted a moment ago, refused now: suspended or stopped in between. */
async function refuseQueued(deps: HarnessDeps, run: Run, refusal: { rule: string; message: string }): Promise<void> {
  await inTx(workerCtx(deps), async (tx, ctx) => {
    const { count } = await tx.run.updateMany({
      where: { id: run.id, state: 'queued' },
      data: { state: 'refused', rule: refusal.rule, error: refusal.message, endedAt: ctx.now },
    })
    if (count === 0) return
    recordAudit(tx, ctx, {
      event: 'run.refused',
      subject: { kind: 'agent', id: run.agentId, name: run.agent.name },
      detail: { trigger: 'queue', reason: refusal.message },
      agentId: run.agentId,
      teamId: run.agent.ownerTeamId,
      runId: run.id,
      decision: 'deny',
      rule: refusal.rule,
    })
  })
}

async function failToStart(deps: HarnessDeps, runId: string, message: string): Promise<void> {
  await inTx(workerCtx(deps), async (tx, ctx) => {
    const run = await lockRun(tx, runId)
    if (!run || (run.state !== 'queued' && run.state !== 'running')) return
    await endRun(ctx, run, { end: { state: 'failed', stopReason: 'error', error: message }, meter: deps.meter })
  })
}
