import { recordAudit } from '#lib/audit/commands.ts'
import { issueAgentCredential } from '#lib/auth/commands/agent-tokens.ts'
import { inTx } from '#lib/auth/ctx.ts'
import type { ClaudeAgentRef, ClaudeAgentSpec } from '#lib/claude/schema.ts'
import { DomainError, invariant } from '#lib/core/errors.ts'
import type { Attempt } from '#lib/jobs/contracts.ts'
import { activateAgent, recordCreationStep } from '#lib/lifecycle/commands.ts'
import type { CreationStepName } from '#lib/registry/schema.ts'
import { toClaudeAgent } from '#lib/templates/rules.ts'
import type { RenderedAgent } from '#lib/templates/schema.ts'
import { launch } from '../launch.ts'
import { environmentName, type HarnessDeps, marks, workerCtx } from './deps.ts'

type Wanted = { agentId: string; version: number; firstRun: boolean; setOffById?: string | null | undefined }
type Agent = {
  id: string
  name: string
  purpose: string
  status: string
  ownerTeamId: string
  schedule: string | null
  scheduleEnabled: boolean
}
/** What a step did, in words for the creation log. */
type Step = (deps: HarnessDeps, wanted: Wanted, agent: Agent, attempt: Attempt) => Promise<string>

/**
 * Creates what a registered agent's version needs, step by step. Each step finds what an earlier try has left, so a crash anywhere
 * resumes there and nothing is created twice. A step that fails is tried again by the queue; after the last try it is marked failed.
 */
export async function provisionAgent(deps: HarnessDeps, wanted: Wanted, attempt: Attempt): Promise<void> {
  await deps.exclusively(`provision:${wanted.agentId}`, async () => {
    const agent = await deps.db.agent.findUnique({
      where: { id: wanted.agentId },
      select: {
        id: true,
        name: true,
        purpose: true,
        status: true,
        ownerTeamId: true,
        schedule: true,
        scheduleEnabled: true,
      },
    })
    if (!agent || agent.status === 'retired') return
    const steps: [CreationStepName, Step][] = [
      ['scopes', describeScopes],
      ['claude', bindVersion],
      ['credentials', ensureCredential],
      ['schedule', describeSchedule],
      ['activate', activate],
      ['first_run', firstRun],
    ]
    for (const [name, step] of steps) await runStep(deps, { name, step, wanted, agent, attempt })
  })
}

async function runStep(
  deps: HarnessDeps,
  options: { name: CreationStepName; step: Step; wanted: Wanted; agent: Agent; attempt: Attempt },
): Promise<void> {
  const { name, step, wanted, agent, attempt } = options
  const at = { agentId: agent.id, step: name }
  const known = await deps.db.creationStep.findUnique({ where: { agentId_step: at }, select: { state: true } })
  // A further version binds again; everything else an agent has is made once.
  if (known?.state === 'done' && name !== 'claude') return
  if (name === 'first_run' && known?.state === 'failed' && !wanted.firstRun) return
  await recordCreationStep(workerCtx(deps), { ...at, state: 'running' })
  try {
    const detail = await step(deps, wanted, agent, attempt)
    await recordCreationStep(workerCtx(deps), { ...at, state: 'done', detail })
  } catch (error) {
    const message = error instanceof DomainError ? error.message : 'An unexpected error; the log of the worker has it.'
    const final = attempt.last || isFinal(error)
    const detail = final ? message : `${message} Trying again.`
    await recordCreationStep(workerCtx(deps), { ...at, state: final ? 'failed' : 'running', detail })
    if (!final) throw error
    deps.log.error({ err: error, agentId: agent.id, step: name }, 'a creation step failed')
    throw new StepFailed(name)
  }
}

/** Ends the job without another try: the creation log says why and offers one. */
export class StepFailed extends Error {
  constructor(step: string) {
    super(`step ${step} failed`)
  }
}

const describeScopes: Step = async (deps, wanted) => {
  const where = { agentId: wanted.agentId }
  const granted = await deps.db.grant.count({ where: { ...where, revokedAt: null } })
  const asked = await deps.db.scopeRequest.count({ where: { ...where, state: 'pending' } })
  return `${granted} granted, ${asked} waiting for approval`
}

const bindVersion: Step = async (deps, wanted, agent, attempt) => {
  const { agentId, version } = wanted
  const row = await deps.db.agentVersion.findUnique({
    where: { agentId_version: { agentId, version } },
    select: { rendered: true, digest: true, claude: true },
  })
  if (!row) throw new DomainError('not_found', `Version ${version} of ${agentId} does not exist.`)
  if (row.claude) return describeBinding({ id: row.claude.claudeAgentId, version: row.claude.claudeVersion })
  await deps.claude.ensureEnvironment(environmentName)
  const spec = specOf({
    agent,
    version,
    digest: row.digest,
    rendered: row.rendered as RenderedAgent,
    brokerUrl: deps.brokerUrl,
  })
  const ref = await ensureAtClaude(deps, { agentId, spec, digest: row.digest, attempt })
  await inTx(workerCtx(deps), async (tx, ctx) => {
    const added = await tx.claudeBinding.createMany({
      data: [{ agentId, version, claudeAgentId: ref.id, claudeVersion: ref.version, boundAt: ctx.now }],
      skipDuplicates: true,
    })
    if (added.count === 0) return
    recordAudit(tx, ctx, {
      event: 'agent.provisioned',
      subject: { kind: 'agent', id: agentId, name: agent.name },
      detail: { version, claudeAgentId: ref.id, claudeVersion: ref.version },
      agentId,
      teamId: agent.ownerTeamId,
    })
  })
  return describeBinding(ref)
}

/** The agent at Claude with this version as its newest; looked for before it is made, because a crash may have come in between. */
async function ensureAtClaude(
  deps: HarnessDeps,
  wanted: { agentId: string; spec: ClaudeAgentSpec; digest: string; attempt: Attempt },
): Promise<ClaudeAgentRef> {
  const { agentId, spec, digest } = wanted
  const bound = await deps.db.claudeBinding.findFirst({
    where: { agentId },
    orderBy: { claudeVersion: 'desc' },
    select: { claudeAgentId: true },
  })
  // One that was found at Claude and adopted stays the same agent there; it gets our version on top of its own.
  const adopted = await deps.db.unregisteredAgent.findFirst({
    where: { agentId, source: 'claude', state: 'adopted' },
    select: { key: true },
  })
  const claudeAgentId = bound?.claudeAgentId ?? adopted?.key
  const step = await deps.db.creationStep.findUnique({
    where: { agentId_step: { agentId, step: 'claude' } },
    select: { attempts: true },
  })
  const triedBefore = wanted.attempt.number > 1 || (step?.attempts ?? 0) > 1
  // The first try of the first version can find nothing: the whole list is only read when there may be something.
  const found = claudeAgentId || triedBefore ? await findAtClaude(deps, agentId, claudeAgentId) : null
  if (!found) return deps.claude.createAgent(spec)
  if (found.metadata[marks.digest] === digest) return { id: found.id, version: found.version }
  return deps.claude.updateAgent({ id: found.id, expectedVersion: found.version, spec })
}

async function findAtClaude(deps: HarnessDeps, agentId: string, claudeAgentId: string | undefined) {
  for await (const agent of deps.claude.listAgents()) {
    if (agent.archivedAt) continue
    if (claudeAgentId === undefined ? agent.metadata[marks.agent] === agentId : agent.id === claudeAgentId) return agent
  }
  return null
}

function specOf(version: {
  agent: Agent
  version: number
  digest: string
  rendered: RenderedAgent
  brokerUrl: string
}): ClaudeAgentSpec {
  const { agent, rendered, brokerUrl } = version
  const { system, model, tools } = toClaudeAgent(rendered, brokerUrl)
  return {
    name: agent.name,
    description: agent.purpose,
    model: typeof model === 'string' ? model : model.id,
    system: system ?? '',
    tools,
    mcpServers: rendered.mcpServers.map(({ name, path }) => ({ name, url: `${brokerUrl}${path}` })),
    metadata: { [marks.agent]: agent.id, [marks.version]: String(version.version), [marks.digest]: version.digest },
  }
}

/** The secret is shown to nobody: runs get short-lived tokens, and who needs a credential of its own issues one on the agent's page. */
const ensureCredential: Step = async (deps, { agentId }) => {
  const existing = await deps.db.agentCredential.findFirst({
    where: { agentId, revokedAt: null },
    select: { clientId: true },
  })
  const clientId = existing?.clientId ?? (await issueAgentCredential(workerCtx(deps), { agentId })).clientId
  return `Client ${clientId}`
}

const describeSchedule: Step = async (_deps, _wanted, agent) => {
  if (!agent.schedule) return 'Started by hand'
  return agent.scheduleEnabled ? `${agent.schedule} (UTC)` : `${agent.schedule} (UTC), switched off`
}

const activate: Step = async (deps, { agentId }) => {
  await activateAgent(workerCtx(deps), agentId)
  return 'Active'
}

const firstRun: Step = async (deps, wanted) => {
  if (!wanted.firstRun) return 'Not asked for'
  const { agentId, setOffById } = wanted
  const started = await deps.db.run.findFirst({
    where: { agentId, trigger: 'first_run', state: { not: 'refused' } },
    select: { id: true },
  })
  if (started) return `Run ${started.id}`
  const outcome = await inTx(workerCtx(deps), (_tx, ctx) => launch(ctx, { agentId, trigger: 'first_run', setOffById }))
  invariant(outcome !== 'already_launched', 'a launch without a due time is always a new one')
  if (outcome.ok) return `Run ${outcome.value.runId}`
  throw new DomainError('conflict', outcome.error.message, { rule: outcome.error.rule })
}

function describeBinding(ref: ClaudeAgentRef): string {
  return `${ref.id}, version ${ref.version}`
}

/** Trying again cannot help: what was asked for is wrong, or a rule refused it. */
function isFinal(error: unknown): boolean {
  return error instanceof DomainError && ['invalid', 'conflict', 'not_found', 'forbidden'].includes(error.code)
}
