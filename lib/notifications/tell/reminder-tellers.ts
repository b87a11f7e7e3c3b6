import { paths } from '#lib/core/paths.ts'
import type { Audience } from './audience.ts'
import { agentOf, minuteOf, ofAgent, owners, request, type Tellers } from './phrases.ts'

/** What people are told because time passes: before something is due, when it is overdue, and when it is passed on. */
export const reminderTellers: Tellers = {
  'scope_request.reminded': (event) => ({
    ...request(event, 'request_waits', `What is asked for ${agentOf(event)} is due soon`),
    body: `It is to be decided by ${minuteOf(event.detail.dueAt)}.`,
    audiences: [{ to: 'asked', requestId: event.detail.requestId }],
  }),
  'scope_request.overdue': (event) => ({
    ...request(event, 'request_overdue', `Nobody has decided in time what is asked for ${agentOf(event)}`),
    body: `It was to be decided by ${minuteOf(event.detail.dueAt)}.`,
    audiences: [{ to: 'asked', requestId: event.detail.requestId }],
  }),
  'scope_request.escalated': (event) => ({
    ...request(event, 'request_overdue', `What is asked for ${agentOf(event)} is overdue and was passed on`),
    body: `It was to be decided by ${minuteOf(event.detail.dueAt)}.${event.detail.mayDecide ? ' Whom it was passed on to may decide it too, unless it is theirs.' : ''}`,
    audiences: [{ to: 'asked', requestId: event.detail.requestId }, ...passedOnTo(event.detail)],
  }),
  'break_glass_review.reminded': (event) => ({
    ...glass(event, `The review of break-glass for ${agentOf(event)} is due soon`),
    body: `It is to be reviewed by ${minuteOf(event.detail.dueAt)}.`,
    audiences: [{ to: 'glass_reviewers', grantId: event.detail.grantId }],
  }),
  'break_glass_review.overdue': (event) => ({
    ...glass(event, `Nobody has reviewed break-glass for ${agentOf(event)} in time`),
    body: `It was to be reviewed by ${minuteOf(event.detail.dueAt)}.`,
    audiences: [{ to: 'glass_reviewers', grantId: event.detail.grantId }, ...owners(event)],
  }),
  'break_glass_review.escalated': (event) => ({
    ...glass(event, `The review of break-glass for ${agentOf(event)} is overdue and was passed on`),
    body: `It was to be reviewed by ${minuteOf(event.detail.dueAt)}.`,
    audiences: [{ to: 'glass_reviewers', grantId: event.detail.grantId }, ...passedOnTo(event.detail)],
  }),
  'call.reminded': (event) => ({
    kind: 'call_waits',
    title: `The time to decide about a call of ${event.tool ?? event.subject.name} is nearly over`,
    body: `${event.detail.ruleTitle}. ${event.agentId ?? 'An agent'} waits until ${minuteOf(event.detail.expiresAt)}.`,
    path: paths.approval(event.detail.heldCallId),
    thread: `calls_ending:${event.agentId ?? ''}:${event.detail.ruleTitle}`,
    audiences: [{ to: 'deciders', heldCallId: event.detail.heldCallId }],
    many: (count) => `The time to decide about ${count} calls is nearly over`,
    gathers: true,
  }),
}

function glass(event: Parameters<typeof ofAgent>[0] & { detail: { grantId: string } }, title: string) {
  const thread = `break_glass:${event.detail.grantId}`
  return { ...ofAgent(event, 'break_glass', title), path: paths.breakGlass(), thread }
}

function passedOnTo({ roles, teamId }: { roles: string[]; teamId: string | null }): Audience[] {
  return [{ to: 'roles', roles }, ...(teamId === null ? [] : [{ to: 'team' as const, teamId }])]
}
