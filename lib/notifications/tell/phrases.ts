import type { AuditEventName, AuditEvents } from '#lib/audit/events.ts'
import type { AuditView } from '#lib/audit/schema.ts'
import { paths } from '#lib/core/paths.ts'
import type { Kind } from '../schema/kinds.ts'
import type { Audience } from './audience.ts'

/** What is said of an event, to whom, and where it is looked at. Never a secret, never what a call's arguments are. */
export type Telling = {
  kind: Kind
  title: string
  body: string
  path: string
  /** What it is about. */
  thread: string
  audiences: readonly Audience[]
  /** Several of one thread that come together are told as one, with this title. */
  many?: (count: number) => string
  /** More of the same thread and kind joins what is unread, or not sent yet. Needs `many`. */
  gathers?: boolean
}

type Told<N extends AuditEventName> = Omit<AuditView, 'event' | 'detail'> & { event: N; detail: AuditEvents[N] }
/** What is said of which event. */
export type Tellers = { [N in AuditEventName]?: (event: Told<N>) => Telling }

type Common = Omit<AuditView, 'event' | 'detail'>

export function request(event: Common & { detail: { requestId: string } }, kind: Kind, title: string) {
  const { requestId } = event.detail
  return { kind, title, path: paths.request(requestId), thread: `request:${requestId}` }
}

export function decided(event: Common & { detail: { requestId: string } }, title: string) {
  const { requestId } = event.detail
  return { ...request(event, 'request_decided', title), audiences: [{ to: 'requester', requestId }] as const }
}

export function ofAgent(event: Common, kind: Kind, title: string) {
  return { kind, title, thread: `agent:${event.agentId ?? ''}`, audiences: owners(event) }
}

export function agentState(event: Common, became: string, reason: string | null): Telling {
  return {
    ...ofAgent(event, 'agent_state', `${agentOf(event)} ${became}`),
    body: reason === null ? `By ${event.actor.name}.` : `${event.actor.name}: ${reason}`,
    path: paths.agent(event.agentId ?? ''),
  }
}

export function callDecided(
  event: Common & { detail: { heldCallId: string } },
  became: string,
  note: string | null,
): Telling {
  return {
    kind: 'call_decided',
    title: `A held call of ${event.tool ?? event.subject.name} ${became}`,
    body: note === null ? `Agent: ${event.agentId ?? ''}.` : `${by(event)}: ${note}`,
    path: event.runId ? paths.run(event.runId) : paths.approval(event.detail.heldCallId),
    thread: `calls_decided:${event.agentId ?? ''}`,
    audiences: [...owners(event), ...runner(event)],
    many: (count) => `${count} held calls were decided`,
    gathers: true,
  }
}

export function stop(
  event: Common,
  became: string,
  detail: { orderId: string; scope: string; reason: string },
): Telling {
  const { kind, id, name } = event.subject
  const what = detail.scope === 'organization' ? 'The whole organization' : `${capital(kind)} ${name}`
  return {
    kind: 'stop',
    title: `${what} ${became}`,
    body: `${event.actor.name}: ${detail.reason}`,
    path: paths.kill(),
    thread: `stop:${detail.orderId}`,
    audiences: [{ to: 'stopped', scope: detail.scope, targetId: id }],
  }
}

/** Those who set policies or live under them: whoever manages rules, and leads of teams. */
export function policy(event: Common & { detail: { number: number } }, title: string) {
  const audiences: Audience[] = [
    { to: 'holders', of: 'holds:manage' },
    { to: 'roles', roles: ['team_lead'] },
  ]
  const { number } = event.detail
  return { kind: 'policy' as const, title, path: paths.policySet(number), thread: `policy:${number}`, audiences }
}

export function bypass(event: Common & { detail: { bypassId: string } }, title: string) {
  const audiences: Audience[] = [{ to: 'holders', of: 'holds:manage' }, ...owners(event)]
  const thread = `bypass:${event.detail.bypassId}`
  return { kind: 'break_glass' as const, title, path: paths.approvals('rules'), thread, audiences }
}

export function owners(event: Common): Audience[] {
  return event.agentId === null ? [] : [{ to: 'owners', agentId: event.agentId }]
}

export function runner(event: Common): Audience[] {
  return event.runId === null ? [] : [{ to: 'runner', runId: event.runId }]
}

/** An agent's events have it as their subject. */
export function agentOf(event: Common): string {
  return event.subject.kind === 'agent' ? event.subject.name : (event.agentId ?? 'an agent')
}

export function scopeOf(event: Common & { detail: { class?: string } }): string {
  const what = [event.detail.class, event.tool].filter(Boolean).join(' ')
  return `${what || 'a scope'} on ${event.serverId ?? 'a server'}`
}

export function untilOf(expiresAt: string | null): string {
  return expiresAt === null ? 'until revoked' : `until ${minuteOf(expiresAt)}`
}

/** 2026-11-26 09:30 UTC */
export function minuteOf(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

/** Who did it, and in whose place. */
export function by({ actor, detail }: { actor: { name: string }; detail: object }): string {
  const { standsInFor } = detail as { standsInFor?: { name: string } }
  return standsInFor ? `${actor.name}, for ${standsInFor.name}` : actor.name
}

/** Where whoever may confirm a change looks at it. */
const rulePaths = {
  'approvals:manage': paths.approvalPolicy(),
  'holds:manage': paths.approvals('rules'),
  'policies:manage': paths.guardrails(),
} as const

type RuleChange = { of: keyof typeof rulePaths; what: string; reason: string }

/** A change of a rule waits for a second person: to those who may confirm it. */
export function ruleAsks(event: AuditView, { of, what, reason }: RuleChange): Telling {
  const title = `${event.actor.name} asks for a second person: “${event.subject.name}” ${what}`
  return ofRule(event, of, { title, body: reason })
}

/** What became of a rule about who approves, which calls are held or what policies are tried by: also whoever did not do it should know. */
export function ruleChanged(event: AuditView, { of, what, reason }: RuleChange): Telling {
  const title = `The rule “${event.subject.name}” ${what}`
  return ofRule(event, of, { title, body: `${event.actor.name}: ${reason}` })
}

function ofRule(event: AuditView, of: RuleChange['of'], said: { title: string; body: string }): Telling {
  const thread = `rule:${event.subject.id}`
  return { kind: 'rule_change', ...said, path: rulePaths[of], thread, audiences: [{ to: 'holders', of }] }
}

/** A lower fact of a server or tool waits for a second person, or what became of it: to those who may confirm it, where they do. */
export function loosening(event: AuditView, said: { title: string; body: string }): Telling {
  const serverId = event.subject.id
  return {
    kind: 'rule_change',
    ...said,
    path: event.tool === null ? paths.server(serverId) : paths.serverTool(serverId, event.tool),
    thread: `server:${serverId}`,
    audiences: [{ to: 'holders', of: 'servers:manage' }],
  }
}
