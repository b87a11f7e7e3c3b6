import type { AuditEventName } from '#lib/audit/events.ts'
import type { AuditView } from '#lib/audit/schema.ts'
import { plural } from '#lib/core/count.ts'
import { formatMicros } from '#lib/core/money.ts'
import { paths } from '#lib/core/paths.ts'
import { cutText } from '#lib/core/storable.ts'
import { findingTitle } from '#lib/registry/rules/tool-findings.ts'
import { callRate, ownLimits } from './limit-texts.ts'
import {
  agentOf,
  agentState,
  by,
  bypass,
  callDecided,
  decided,
  minuteOf,
  ofAgent,
  oneLine,
  owners,
  policy,
  request,
  runner,
  scopeOf,
  stop,
  type Tellers,
  type Telling,
  untilOf,
} from './phrases.ts'
import { reminderTellers } from './reminder-tellers.ts'
import { ruleTellers } from './rule-tellers.ts'

const titleMax = 200
const bodyMax = 1000

/** The events that people are told of. */
export function toldEvents(): string[] {
  return Object.keys(tellers)
}

/** What people are told of an event of the audit log; null: nothing. */
export function tellingOf(event: AuditView): Telling | null {
  const teller = tellers[event.event as AuditEventName] as ((event: AuditView) => Telling) | undefined
  if (!teller) return null
  const telling = teller(event)
  return { ...telling, title: cutText(oneLine(telling.title), titleMax), body: cutText(telling.body, bodyMax) }
}

const tellers: Tellers = {
  ...reminderTellers,
  ...ruleTellers,
  'scope_request.created': (event) => ({
    ...request(event, 'request_waits', `${event.actor.name} asks for ${scopeOf(event)} for ${agentOf(event)}`),
    body: `${event.detail.reason}\n${event.detail.days === null ? 'Until revoked' : `For ${plural(event.detail.days, 'day')}`}.`,
    audiences: [{ to: 'asked', requestId: event.detail.requestId }],
  }),
  'scope_request.revised': (event) => ({
    ...request(event, 'request_waits', `${event.actor.name} changed what is asked for ${agentOf(event)}`),
    body: `Revision ${event.detail.revision} waits; approvals given before count no more.`,
    audiences: [{ to: 'asked', requestId: event.detail.requestId }],
  }),
  'scope_request.step_approved': (event) => ({
    ...request(event, 'request_waits', `One more approval for ${agentOf(event)} is asked for`),
    body: `${by(event)} approved step ${event.detail.step} of ${event.detail.of} (${event.detail.approvalRule}).`,
    audiences: [{ to: 'asked', requestId: event.detail.requestId }],
  }),
  'scope_request.approved': (event) => ({
    ...decided(event, `${scopeOf(event)} for ${agentOf(event)} was approved`),
    body: [`By ${by(event)}, ${untilOf(event.detail.expiresAt)}.`, event.detail.note ?? ''].join('\n').trim(),
  }),
  'scope_request.auto_approved': (event) => ({
    ...ofAgent(event, 'grant', `${scopeOf(event)} for ${agentOf(event)} was granted by the approval policy`),
    body: `By the rule “${event.detail.approvalRule}”, ${untilOf(event.detail.expiresAt)}; nobody was asked.`,
    path: paths.agent(event.agentId ?? '', 'scopes'),
    many: (count) => `${count} scopes of ${agentOf(event)} were granted by the approval policy`,
  }),
  'scope_request.rejected': (event) => ({
    ...decided(event, `${scopeOf(event)} for ${agentOf(event)} was rejected`),
    body: `${by(event)}: ${event.detail.note ?? 'no reason given'}`,
  }),
  'scope_request.changes_requested': (event) => ({
    ...decided(event, `Changes are asked for before ${agentOf(event)} gets its scope`),
    body: `${by(event)}: ${event.detail.note}`,
  }),
  'grant.ended': (event) => ({
    ...ofAgent(event, 'grant', `${scopeOf(event)} of ${agentOf(event)} has ended`),
    body: `Its time was over on ${minuteOf(event.detail.expiresAt)}. Whoever still needs it asks for it again.`,
    path: paths.agent(event.agentId ?? '', 'scopes'),
    many: (count) => `${count} grants of ${agentOf(event)} have ended`,
  }),
  'delegation.created': (event) => ({
    kind: 'delegation',
    title: `${event.detail.delegateName} stands in for ${event.subject.name}`,
    body: `From ${minuteOf(event.detail.startsAt)} until ${minuteOf(event.detail.endsAt)}: ${event.detail.reason}`,
    path: paths.delegation(),
    thread: `delegation:${event.detail.delegationId}`,
    audiences: [{ to: 'people', ids: [event.detail.personId, event.detail.delegateId] }],
  }),
  'delegation.revoked': (event) => ({
    kind: 'delegation',
    title: `Nobody stands in for ${event.subject.name} any more`,
    body: `${event.actor.name} ended it.`,
    path: paths.delegation(),
    thread: `delegation:${event.detail.delegationId}`,
    audiences: [{ to: 'people', ids: [event.detail.personId, event.detail.delegateId] }],
  }),
  'review.asked': (event) => ({
    ...ofAgent(event, 'review_waits', `Are the scopes of ${agentOf(event)} still needed?`),
    body: `${event.detail.title}: ${event.detail.grants} to decide by ${minuteOf(event.detail.dueAt)}.${event.detail.reminder ? ' Nobody has answered yet.' : ''}`,
    path: paths.review(event.detail.campaignId),
    thread: `review:${event.detail.campaignId}`,
    audiences: event.agentId === null ? [] : [{ to: 'reviewers', agentId: event.agentId }],
    many: (count) => `${event.detail.title}: scopes of ${count} agents wait for a review`,
  }),
  'grant.ends_soon': (event) => ({
    ...ofAgent(event, 'grant', `${scopeOf(event)} of ${agentOf(event)} ends soon`),
    body: `It ends by itself on ${minuteOf(event.detail.expiresAt)}. Whoever still needs it asks for it again.`,
    path: paths.agent(event.agentId ?? '', 'scopes'),
    many: (count) => `${count} grants of ${agentOf(event)} end soon`,
  }),
  'grant.revoked': (event) => ({
    ...ofAgent(event, 'grant', `${scopeOf(event)} of ${agentOf(event)} was revoked`),
    body: `${event.actor.name}: ${event.detail.reason}`,
    path: paths.agent(event.agentId ?? '', 'scopes'),
    many: (count) => `${count} grants of ${agentOf(event)} were revoked`,
  }),
  'grant.break_glass': (event) => ({
    ...ofAgent(event, 'break_glass', `${event.actor.name} broke the glass: ${scopeOf(event)} for ${agentOf(event)}`),
    body: `${event.detail.reason}\nUntil ${minuteOf(event.detail.expiresAt)}. Its review is open.`,
    path: paths.breakGlass(),
    thread: `break_glass:${event.detail.grantId}`,
    audiences: [{ to: 'holders', of: 'scopes:approve' }, ...owners(event)],
  }),
  'grant.break_glass_reviewed': (event) => ({
    ...ofAgent(event, 'break_glass', `Break-glass for ${agentOf(event)} was ${event.detail.verdict.replace('_', ' ')}`),
    body: `${event.actor.name}: ${event.detail.note}`,
    path: paths.breakGlass(),
    thread: `break_glass:${event.detail.grantId}`,
    audiences: [{ to: 'glass_breaker', grantId: event.detail.grantId }, ...owners(event)],
  }),
  'policy_set.enforced': (event) => ({
    ...policy(event, `${event.actor.name} enforced policy set ${event.detail.number}`),
    body: event.detail.withoutReplay
      ? `Without a replay: ${event.detail.withoutReplay}`
      : event.detail.emptyReplay
        ? `Its replay met no call: ${event.detail.emptyReplay}`
        : 'It decides every call from now on.',
  }),
  'policy_set.rolled_back': (event) => ({
    ...policy(event, `${event.actor.name} went back to policy set ${event.detail.number}`),
    body: event.detail.reason,
  }),
  'hold_bypass.opened': (event) => ({
    ...bypass(event, `${event.actor.name} lets calls through that “${event.subject.name}” would hold`),
    body: `${event.detail.reason}\nUntil ${minuteOf(event.detail.expiresAt)}.`,
  }),
  'hold_bypass.ended': (event) => ({
    ...bypass(event, `“${event.subject.name}” holds calls again`),
    body: event.detail.how === 'person' ? `${event.actor.name} ended the bypass.` : 'The bypass has ended.',
  }),
  'call.held': (event) => ({
    kind: 'call_waits',
    title: `A call of ${event.tool ?? event.subject.name} waits for a decision`,
    body: `${event.detail.ruleTitle}. ${event.agentId ?? 'An agent'} waits until ${minuteOf(event.detail.expiresAt)}.`,
    path: paths.approval(event.detail.heldCallId),
    thread: `calls:${event.agentId ?? ''}:${event.detail.ruleTitle}`,
    audiences: [{ to: 'deciders', heldCallId: event.detail.heldCallId }],
    many: (count) => `${count} calls wait for a decision`,
    gathers: true,
  }),
  'call.approved': (event) => callDecided(event, 'was approved', event.detail.note),
  'call.edited': (event) => callDecided(event, 'was approved with other arguments', event.detail.note),
  'call.rejected': (event) => callDecided(event, 'was rejected', event.detail.note),
  'call.expired': (event) => callDecided(event, 'was decided by nobody in time', null),
  'run.escalated': (event) => ({
    kind: 'escalation',
    title: `${event.subject.name}: ${event.detail.title}`,
    body: 'The agent brought this to a person.',
    path: event.runId ? paths.run(event.runId) : paths.escalations(),
    thread: `run:${event.runId ?? ''}`,
    audiences: [...owners(event), ...runner(event)],
    many: (count) => `${event.subject.name} brought ${count} things to a person`,
  }),
  'stop.ordered': (event) => stop(event, 'is stopped', event.detail),
  'stop.released': (event) => stop(event, 'goes on', event.detail),
  'agent.suspended': (event) => agentState(event, 'was suspended', event.detail.reason),
  'agent.calls_limited': (event) => ({
    ...agentState(event, event.detail.after === null ? 'calls as often as any other' : 'was slowed down', null),
    body: `${event.actor.name}: ${event.detail.reason}\n${callRate(event.detail.after)}.`,
    path: paths.agent(event.agentId ?? '', 'scopes'),
  }),
  'agent.limits_changed': (event) => ({
    ...agentState(event, 'has other limits', null),
    body: `${event.actor.name}: ${event.detail.reason}\n${ownLimits(event.detail.after)}.`,
    path: paths.agent(event.agentId ?? '', 'scopes'),
  }),
  'agent.resumed': (event) => agentState(event, 'goes on', event.detail.reason),
  'agent.retired': (event) => agentState(event, 'was retired', event.detail.reason),
  'agent.taken_over': (event) => ({
    ...agentState(event, 'was taken over', event.detail.reason),
    audiences: [
      ...owners(event),
      { to: 'people', ids: [event.detail.before.accountablePersonId, event.detail.after.accountablePersonId] },
    ],
  }),
  'agent.orphaned': (event) => ({
    ...agentState(event, 'has nobody who answers for it', null),
    body: `Who was accountable has left. It is suspended on ${minuteOf(event.detail.suspendAt)} unless somebody takes it over.`,
    audiences: [{ to: 'takers', agentId: event.agentId ?? '' }],
  }),
  'agent.orphan_grace_changed': (event) => ({
    ...agentState(event, 'is suspended on another day', null),
    body: `Nobody answers for it, and its tier is ${event.detail.tier} now: it is suspended on ${minuteOf(event.detail.after)} unless somebody takes it over.`,
    audiences: [{ to: 'takers', agentId: event.agentId ?? '' }],
  }),
  'agent.over_budget': (event) => ({
    ...ofAgent(event, 'budget', `${agentOf(event)} has reached its budget of ${event.detail.month}`),
    body: `Spent ${formatMicros(BigInt(event.detail.spentMicros))} of ${formatMicros(BigInt(event.detail.budgetMicros))}. It starts no more runs, and brokers refuse its calls (budget_exceeded), until the month (UTC) is over or the budget is raised.`,
    path: paths.agent(event.agentId ?? '', 'cost'),
    audiences: [...owners(event), { to: 'holders', of: 'costs:manage' }],
  }),
  'tool.suspended': (event) => ({
    kind: 'tool',
    title: `${event.tool ?? 'A tool'} of ${event.subject.name} changed and was suspended`,
    body:
      event.detail.findings.map(({ kind, note }) => `${findingTitle(kind)}: ${note}`).join('\n') ||
      'Its definition is not the one that was approved.',
    path: paths.serverTool(event.subject.id, event.tool ?? ''),
    thread: `server:${event.subject.id}`,
    audiences: [{ to: 'approver', personId: event.detail.approverId }],
    many: (count) => `${count} tools of ${event.subject.name} changed and were suspended`,
  }),
  'tool.left_out': (event) => ({
    kind: 'tool',
    title:
      event.detail.count === 1
        ? `${event.subject.name} lists something that is no tool`
        : `${event.subject.name} lists ${event.detail.count} things that are no tools`,
    body: [
      ...event.detail.first.map(({ name, reason }) => `${name}: ${reason}`),
      'What is no tool is left out: not watched, shown to nobody, never called.',
    ].join('\n'),
    path: paths.server(event.subject.id),
    thread: `server:${event.subject.id}`,
    audiences: [{ to: 'approver', personId: event.detail.approverId }],
    many: (count) => `${event.subject.name} listed things that are no tools, ${count} times`,
  }),
  'server.tools_unlisted': (event) => ({
    kind: 'tool',
    title: `The tools of ${event.subject.name} cannot be listed`,
    body: `Since ${minuteOf(event.detail.since)}: ${event.detail.reason}. Until it lists them again its changes go unseen.`,
    path: paths.server(event.subject.id),
    thread: `server:${event.subject.id}`,
    audiences: [{ to: 'approver', personId: event.detail.approverId }],
  }),
  'unregistered.found': (event) => ({
    kind: 'unregistered',
    title: `An unregistered agent was found: ${event.subject.name}`,
    body: 'Adopt it, or say why it is none. Until then it reaches nothing.',
    path: paths.unregistered(),
    thread: 'unregistered',
    audiences: [{ to: 'holders', of: 'discovery:manage' }],
    many: (count) => `${count} unregistered agents were found`,
  }),
  'server.credential_expiring': (event) => ({
    kind: 'credential',
    title: `A credential of ${event.subject.name} ends soon`,
    body: `${event.detail.teamName ? `That of the team ${event.detail.teamName}` : 'That of every team without its own'} ends on ${minuteOf(event.detail.expiresAt)}. Set another one before: from then on the server will refuse it.`,
    path: paths.server(event.subject.id),
    thread: `server:${event.subject.id}`,
    audiences: [{ to: 'holders', of: 'servers:manage' }],
  }),
  'webhook.disabled': (event) => ({
    kind: 'credential',
    title: `The webhook to ${event.subject.name} was switched off`,
    body: event.detail.reason,
    path: paths.webhook(event.subject.id),
    thread: `webhook:${event.subject.id}`,
    audiences: [{ to: 'holders', of: 'webhooks:manage' }],
  }),
}
