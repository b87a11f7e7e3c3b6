import { authorize, can, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { AuditEvent } from '#lib/db/generated/client.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { driverOf } from '../../rules/drivers.ts'
import { holdFacts, holdRuleId } from '../../rules/hold-words.ts'
import type { BrokerLimits } from '../../rules/request-limits.ts'
import { isCallStep, stepOf } from '../../rules/steps.ts'
import { passedSteps, refusedSteps } from '../../rules/trace.ts'
import type { DecidedNow, DecisionExplanation, ExplainedFacts, Explanation, StepId } from '../../schema/explanation.ts'
import type { TimeoutAction } from '../../schema/held-calls.ts'
import { callArguments } from './call-arguments.ts'
import { deliveryOf, endedByCaller, isEnd, isEnded } from './ended.ts'
import { endOf, intendedWords } from './intended.ts'
import { changesSince } from './since.ts'
import { simulate } from './simulate.ts'
import { wordsFor } from './words.ts'

type Event = Omit<AuditEvent, 'leafHash'>

/**
 * Why something was decided as it was, from its audit event: what was true at that instant, who set the rule and who can change it; and of a call, whether
 * it would be decided otherwise now, by brokers with these limits. Needs `runs:read` for what agents did, and `audit:read` for anything else but one's own refusals; throws `not_found`.
 */
export async function explainDecision(
  ctx: Ctx,
  { id }: { id: string },
  brokers: BrokerLimits | null = null,
): Promise<DecisionExplanation> {
  authorize(ctx, 'runs:read')
  const event = await reader(ctx).auditEvent.findUnique({ where: { id }, omit: { leafHash: true } })
  if (!event || !isDecision(event))
    throw new DomainError('not_found', 'There is no decision of this id in the audit log.')
  if (!isOfAgent(event) && !isOwn(ctx, event)) authorize(ctx, 'audit:read')
  const about = await aboutOf(ctx, event)
  const facts = await factsOf(ctx, event)
  const outcome = outcomeOf(event)
  const rule = ruleOf(event, facts)
  const step = stepIn({ ...event, rule }, facts)
  const end = event.event === 'mcp.call_intended' ? await endOf(ctx, event) : null
  const message = end ? end.message : messageOf(event)
  const explanation: Explanation = {
    decision: event.id,
    seq: event.seq.toString(),
    event: event.event,
    at: event.at.toISOString(),
    outcome,
    rule,
    message,
    about,
    step,
    steps: stepsOf(event, { step, outcome, message, facts }),
    facts,
    ...(await wordsFor(ctx, { about, outcome, rule, facts, at: event.at })),
    ...(end ? intendedWords : outcome === 'ended' && rule === null ? endedByCaller : {}),
  }
  if (end?.next) explanation.next = [end.next, ...explanation.next]
  const demo = (event.detail as Record<string, unknown>)['demo'] === true
  return { ...explanation, demo, now: await decidedNow(ctx, event, { before: explanation, brokers }) }
}

function isDecision({ decision, rule, event }: Event): boolean {
  return decision !== null || rule !== null || event.startsWith('mcp.call_') || isEnd(event)
}

/** What the log of a run shows to everybody. */
function isOfAgent({ agentId, event }: Event): boolean {
  return agentId !== null && (event.startsWith('mcp.') || event.startsWith('call.') || event.startsWith('run.'))
}

function isOwn(ctx: Ctx, { actorKind, actorId }: Event): boolean {
  return actorKind === 'person' && ctx.actor.kind === 'person' && ctx.actor.id === actorId
}

function outcomeOf(of: Event): Explanation['outcome'] {
  const { decision, rule, event } = of
  if (event === 'call.held' || decision === 'hold') return 'held'
  if (isEnded(of)) return 'ended'
  return decision === 'deny' || rule !== null ? 'refused' : 'allowed'
}

/** What held a call is named by its facts alone in what a release of before recorded. */
function ruleOf({ event, rule }: Event, { holdRule }: ExplainedFacts): string | null {
  if (rule !== null || event !== 'call.held') return rule
  return holdRuleId(typeof holdRule === 'string' ? holdRule : null)
}

/** What the event says mattered; of a call that was let through, what it was let through by. */
async function factsOf(ctx: Ctx, { event, detail }: Event): Promise<ExplainedFacts> {
  const known = detail as Record<string, unknown>
  if (event === 'mcp.call_allowed') {
    return {
      grant: text(known['grantId']),
      policyVersion: text(known['policyVersion']),
      result: text(known['outcome']),
      ...(typeof known['sent'] === 'boolean' ? { sent: known['sent'] } : {}),
      ...(known['facts'] as ExplainedFacts | undefined),
    }
  }
  if (event.startsWith('call.')) {
    const id = text(known['heldCallId'])
    const select = { id: true, ruleId: true, deciderRoles: true, onTimeout: true, expiresAt: true } as const
    const held = id === null ? null : await reader(ctx).heldCall.findUnique({ where: { id }, select })
    const waits = held && { heldCallId: held.id, expiresAt: held.expiresAt }
    const found = waits && holdFacts({ ...held, onTimeout: held.onTimeout as TimeoutAction, waits })
    return { ...found, ...(known['facts'] as ExplainedFacts | undefined) }
  }
  const facts = known['facts'] as ExplainedFacts | null | undefined
  return event === 'mcp.result_passed' ? { result: text(known['outcome']), ...facts } : { ...facts }
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function messageOf({ detail }: Event): string | null {
  const { message, reason, note, ruleTitle } = detail as Record<string, unknown>
  const said = [message, reason, note, ruleTitle].find((text) => typeof text === 'string')
  return said ?? null
}

function stepIn(event: Event, facts: ExplainedFacts): StepId | null {
  if (event.rule === null) return null
  return stepOf(event.rule, facts) ?? (event.actorKind === 'person' ? 'person' : null)
}

function stepsOf(
  { event }: Event,
  of: Pick<Explanation, 'step' | 'outcome' | 'message' | 'facts'>,
): Explanation['steps'] {
  if (!event.startsWith('mcp.') && !event.startsWith('call.')) return []
  const { step, outcome, message: note } = of
  if (outcome === 'refused') return refusedSteps(step, note)
  if (outcome === 'held') return passedSteps({ to: 'hold', outcome, note })
  if (isEnd(event)) return passedSteps({ to: 'delivery', ...deliveryOf(of) })
  return passedSteps({ to: 'delivery', outcome: 'unknown', note })
}

async function aboutOf(ctx: Ctx, event: Event): Promise<Explanation['about']> {
  const { agentId, serverId, tool, runId, actorKind, actorName, detail } = event
  const db = reader(ctx)
  const select = { id: true, name: true } as const
  const [agent, server] = await Promise.all([
    agentId === null ? null : db.agent.findUnique({ where: { id: agentId }, select }),
    serverId === null ? null : db.mcpServer.findUnique({ where: { id: serverId }, select }),
  ])
  const { class: toolClass } = detail as { class?: unknown }
  return {
    agent,
    server,
    tool,
    class: typeof toolClass === 'string' ? toolClass : null,
    runId,
    actor: actorKind === 'agent' ? null : { kind: actorKind, name: actorName },
  }
}

async function decidedNow(
  ctx: Ctx,
  event: Event,
  { before, brokers }: { before: Explanation; brokers: BrokerLimits | null },
): Promise<DecidedNow | null> {
  const { agentId, serverId, tool } = event
  const isCall = event.event.startsWith('mcp.call_') || event.event.startsWith('call.')
  if (!isCall || agentId === null || serverId === null || tool === null) return null
  if (before.step !== null && !isCallStep(before.step)) return null
  if (!can(ctx.actor, 'agents:read')) return null
  const run =
    event.runId === null
      ? null
      : await reader(ctx).run.findUnique({
          where: { id: event.runId },
          select: { simulated: true, trigger: true, requestedById: true, scheduledById: true },
        })
  const call = {
    agentId,
    serverId,
    tool: await toolIn(ctx, { serverId, tool }),
    arguments: await callArguments(ctx, event),
    simulatedModel: run?.simulated ?? false,
    startedBy: run?.trigger ?? null,
    behindId: run ? (run.requestedById ?? run.scheduledById) : await behindHeld(ctx, event),
  }
  const now = await simulate(ctx, call, brokers)
  const differs = isDecidedOtherwise(before, now)
  const because = differs
    ? await changesSince(ctx, {
        steps: [before.step, now.step],
        agentId,
        teamId: event.teamId,
        serverId,
        tool,
        after: event,
      })
    : []
  const { title, message, outcome, rule } = now
  return { at: now.at, outcome, rule, title, message, differs, because }
}

/** Who issued the credential that a call came with is noted when it is held; with whom its client acts for besides it is two, so nobody is named. */
async function behindHeld(ctx: Ctx, { detail }: Event): Promise<string | null> {
  const id = text((detail as Record<string, unknown>)['heldCallId'])
  if (id === null) return null
  const select = { startedById: true, drivenById: true, drivenBySubject: true } as const
  const held = await reader(ctx).heldCall.findUnique({ where: { id }, select })
  return held !== null && driverOf(held) === null ? held.startedById : null
}

/** A method is recorded under its name alone. */
async function toolIn(ctx: Ctx, { serverId, tool }: { serverId: string; tool: string }): Promise<string> {
  if (!tool.includes('/')) return tool
  const isTool = await reader(ctx).mcpTool.count({ where: { serverId, name: tool } })
  return isTool > 0 ? tool : methodPrefix + tool
}

/** What only the broker that had the call knew, or was found on the way to the server and back, is not asked by a simulation. What ended a call there would refuse it now. */
function isDecidedOtherwise(then: Explanation, now: Pick<Explanation, 'outcome' | 'rule'>): boolean {
  const atServer = then.step === null || then.step === 'delivery'
  const outcome = then.outcome === 'ended' ? (atServer ? 'allowed' : 'refused') : then.outcome
  return outcome !== now.outcome || (outcome === 'refused' && then.rule !== now.rule)
}
