import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { instantOf } from '#lib/registry/queries/past.ts'
import type { BrokerLimits } from '../../rules/request-limits.ts'
import type { Allowed } from '../../rules/decide.ts'
import { factsOfDenial } from '../../rules/denial-facts.ts'
import { holdFacts, holdRuleId } from '../../rules/hold-words.ts'
import type { PolicyView, RunFacts, ToolCall } from '../../rules/facts.ts'
import { stepOf } from '../../rules/steps.ts'
import { traceCall } from '../../rules/trace.ts'
import { type SimulateInput, simulateInput, type SimulationView } from '../../schema/explanation.ts'
import { policiesOf } from '../policies.ts'
import { loadPolicyView } from '../policy-view.ts'
import { knownRates } from './known-rates.ts'
import { wordsFor } from './words.ts'

/** The run that a call is simulated in, or the credential it comes with. */
const simulatedId = 'simulated'

/**
 * What the broker would decide about a call, step by step: now, at an instant to come, or at one that was, as far as the records go. It is decided by the same
 * functions over the same facts. Nothing is called, counted or recorded. Needs `agents:read`; throws `invalid` for the
 * instant, `not_found` for a policy set.
 *
 * @param brokers how much and how often brokers take where nothing else is said; null: that is not known here
 */
export async function simulate(
  ctx: Ctx,
  input: SimulateInput,
  brokers: BrokerLimits | null = null,
): Promise<SimulationView> {
  authorize(ctx, 'agents:read')
  const asked = simulateInput.parse(input)
  const { at, past } = await whenOf(ctx, asked.at)
  const policies = await policiesOf(ctx, { number: asked.policySet ?? null, past: past ? at : null })
  const loaded = await loadPolicyView(ctx, { ...asked, past: past ? at : null }, policies)
  const { call, view } = callIn(loaded, asked)
  const trace = traceCall(call, view, at, await knownRates(ctx, view, { ...asked, at, past, brokers }))
  const { denial, allowed, hold } = trace
  const facts = denial
    ? factsOfDenial(denial, call, view, at)
    : {
        grant: allowed?.grant.id ?? null,
        policyVersion: view.policies.version,
        ...(hold ? holdFacts({ ...hold, ruleId: hold.id, waits: hold }) : {}),
        ...(trace.aside ? { bypass: trace.aside.bypass.id, behind: trace.aside.why } : {}),
      }
  const about = aboutOf(view, asked)
  const rule = denial?.rule ?? (hold ? holdRuleId(hold.id) : null)
  return {
    decision: null,
    seq: null,
    event: null,
    at: at.toISOString(),
    outcome: trace.outcome,
    rule,
    message: denial?.message ?? (hold ? hold.title : null),
    about,
    step: rule === null ? null : stepOf(rule, facts),
    steps: trace.steps,
    facts,
    ...(await wordsFor(ctx, { about, outcome: trace.outcome, rule, facts, at })),
    policyVersion: view.policies.version,
    grant: allowed ? grantOf(allowed) : null,
    hold: hold && {
      ruleId: hold.id,
      title: hold.title,
      deciderRoles: [...hold.deciderRoles],
      decideSeconds: hold.decideSeconds,
      onTimeout: hold.onTimeout,
    },
    rates: trace.rates,
  }
}

async function whenOf(ctx: Ctx, text: string | undefined): Promise<{ at: Date; past: boolean }> {
  if (text === undefined || text === '') return { at: ctx.now, past: false }
  const at = new Date(text)
  if (Number.isNaN(at.getTime())) {
    const message = 'at: write an instant like 2026-11-25T10:00:00Z, or a day like 2026-11-25 (its beginning in UTC).'
    throw new DomainError('invalid', message, { field: 'at' })
  }
  if (at >= ctx.now) return { at, past: false }
  return { at: await instantOf(ctx, { field: 'at', value: text }), past: true }
}

type Asked = Pick<
  ReturnType<typeof simulateInput.parse>,
  'agentId' | 'serverId' | 'tool' | 'arguments' | 'simulatedModel' | 'startedBy' | 'behindId'
>

/** The call as the broker would have it, of the agent's current version. */
export function callIn(view: PolicyView, asked: Asked): { call: ToolCall; view: PolicyView } {
  const agent = view.agents.get(asked.agentId)
  const version = agent?.currentVersion ?? 1
  const inRun = asked.simulatedModel || asked.startedBy !== null
  const run: RunFacts = {
    id: simulatedId,
    agentId: asked.agentId,
    agentVersion: version,
    simulated: asked.simulatedModel,
    trigger: asked.startedBy ?? 'manual',
    startedById: asked.behindId,
    writerIds: agent?.writerIds ?? [],
  }
  const isMethod = asked.tool.startsWith(methodPrefix)
  const call: ToolCall = {
    caller: { agentId: asked.agentId, version, runId: inRun ? run.id : null, credential: simulatedId },
    serverId: asked.serverId,
    tool: isMethod ? asked.tool.slice(methodPrefix.length) : asked.tool,
    ...(isMethod ? { isMethod: true as const } : {}),
    ...(asked.arguments === null ? {} : { arguments: asked.arguments }),
  }
  if (inRun) return { call, view: { ...view, runs: new Map([[run.id, run]]) } }
  if (!agent || asked.behindId === null) return { call, view }
  const issued = { ...agent, credentialIssuers: { [simulatedId]: asked.behindId } }
  return { call, view: { ...view, agents: new Map([...view.agents, [agent.id, issued]]) } }
}

function aboutOf(view: PolicyView, { agentId, serverId, tool }: Asked): SimulationView['about'] {
  const agent = view.agents.get(agentId)
  const server = view.servers.get(serverId)
  return {
    agent: agent ? { id: agent.id, name: agent.name } : null,
    server: server ? { id: server.id, name: server.name } : null,
    tool,
    class: server?.tools.get(tool)?.class ?? null,
    runId: null,
    actor: null,
  }
}

function grantOf({ grant }: Allowed): NonNullable<SimulationView['grant']> {
  const { id, toolName, via, expiresAt } = grant
  return { id, class: grant.class, toolName, via, expiresAt: expiresAt?.toISOString() ?? null }
}
