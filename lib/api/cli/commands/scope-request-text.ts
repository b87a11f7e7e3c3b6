import type { ScopeRequestView } from '#lib/scopes/schema.ts'
import type { TrendSums } from '#lib/scopes/schema/context.ts'
import { formatMicros } from '#lib/core/money.ts'
import { facts } from '../table.ts'
import { count, day, minute, oneLine } from '../text.ts'
import { requestScopeText, scopeText } from './agent-table.ts'

const marks = { danger: '!!', warn: '! ', neutral: '- ', ok: '+ ' }

/** A request as its page tells it: what changes, what to look at, then the rest. */
export function describeRequest(request: ScopeRequestView): string {
  const { agent, server, peers, decidable, context } = request
  const held = request.holds.filter(({ serverId }) => serverId === server.id).map((grant) => scopeText(grant))
  const { review, trend, prompt, granted, denials } = context
  const about = facts([
    ['Request', `${request.id}, ${request.state.replace('_', ' ')}, revision ${request.revision}`],
    [
      'Agent',
      `${oneLine(agent.name)} (${agent.id}) of ${oneLine(agent.owner.name)}, tier ${agent.tier}, ${agent.status}`,
    ],
    [
      'Scope',
      `${requestScopeText(request)} on ${server.environment}, ${[server.sensitivity, ...server.dataClasses].join(', ')} data`,
    ],
    ['For', request.days === null ? 'until it is revoked' : count(request.days, 'day')],
    ['Reason', oneLine(request.reason)],
    ['Asked by', `${oneLine(request.requestedBy.name)}, ${minute(request.createdAt)} UTC`],
    ['Changes', oneLine(context.blastRadius)],
    ['Holds there', held.join(' ') || 'nothing'],
    ['Newly reached', request.reaches.map((tool) => `${tool.name} (${tool.class})`).join(', ') || 'nothing'],
    [
      'Peers',
      `${peers.holding} of ${count(peers.total, 'agent')} of the same template hold it, ${context.peers.using} use it`,
    ],
    [
      'Denied',
      `${count(denials.count, 'call')} of exactly this in ${context.days} days, ${request.denials30d} on the server`,
    ],
    [
      'Before',
      context.earlier.items.map(({ state, createdAt }) => `${state.replace('_', ' ')} ${day(createdAt)}`).join(', ') ||
        null,
    ],
    ['Cost', `${costText(trend.now)}, before ${costText(trend.before)}`],
    [
      'Escalated',
      `${trend.now.escalatedRuns} of ${count(trend.now.runs, 'run')}, before ${trend.before.escalatedRuns} of ${trend.before.runs}`,
    ],
    ['Reviewed', review.lastAt === null ? 'never' : day(review.lastAt)],
    ['Prompt', `version ${prompt.version}${prompt.changes ? `, changed since (${prompt.currentVersion})` : ''}`],
    [
      'Decided',
      request.decidedBy
        ? `by ${oneLine(request.decidedBy.name)}${request.decisionNote ? `: ${oneLine(request.decisionNote)}` : ''}`
        : null,
    ],
    [
      'Granted',
      granted?.differences.map((each) => `${each.field} ${each.granted} instead of ${each.asked}`).join(', ') || null,
    ],
    ['Decided by', request.policy.says === null ? null : oneLine(request.policy.says)],
    ['Due', dueText(request)],
    ['You', decidable.allowed ? 'may decide it' : `may not decide it: ${oneLine(decidable.refusal.message)}`],
  ])
  const signals = context.signals.map(({ tone, text }) => `${marks[tone]} ${oneLine(text)}`)
  const changed = prompt.changes ? ['', 'The prompt has changed:', ...prompt.changes.map(oneLine)] : []
  const history = request.history.map(
    ({ at, by, says }) => `  ${minute(at)} UTC  ${oneLine(by === null ? says : `${by} ${says}`)}`,
  )
  return [about, ...(signals.length > 0 ? ['', ...signals] : []), ...changed, '', 'So far:', ...history].join('\n')
}

function dueText({ state, dueAt, remindedAt, escalations }: ScopeRequestView): string | null {
  if (state !== 'pending' || dueAt === null) return null
  const told = remindedAt === null ? '' : `, reminded ${minute(remindedAt)} UTC`
  return `${minute(dueAt)} UTC${told}${escalations > 0 ? `, passed on ${count(escalations, 'time')}` : ''}`
}

/** Not priced is not 0. */
function costText({ costMicros, unpricedRequests }: TrendSums): string {
  if (unpricedRequests === 0) return formatMicros(BigInt(costMicros))
  return costMicros === '0' ? 'not priced' : `at least ${formatMicros(BigInt(costMicros))}`
}
