import type { Permission } from '#lib/auth/permissions.ts'

/** Whom an event concerns, before it is looked up who that is. */
export type Audience =
  /** Who may decide a scope request now. */
  | { to: 'asked'; requestId: string }
  | { to: 'requester'; requestId: string }
  /** Who may decide a held call now. */
  | { to: 'deciders'; heldCallId: string }
  /** Who is accountable for an agent, and those who lead its team. */
  | { to: 'owners'; agentId: string }
  /** The same, and who stands in for them and may answer for the agent in their place. */
  | { to: 'reviewers'; agentId: string }
  | { to: 'runner'; runId: string }
  | { to: 'holders'; of: Permission }
  | { to: 'roles'; roles: readonly string[] }
  | { to: 'team'; teamId: string }
  /** Leads of an agent's team, and platform admins, who may take it over. */
  | { to: 'takers'; agentId: string }
  | { to: 'glass_breaker'; grantId: string }
  /** Who may review a break-glass grant now. */
  | { to: 'glass_reviewers'; grantId: string }
  /** Owners of what an order stops. */
  | { to: 'stopped'; scope: string; targetId: string }
  | { to: 'people'; ids: readonly string[] }
  /** Who is asked about a server's tools; whoever may decide about them, when nobody is named or who is cannot any more. */
  | { to: 'approver'; personId: string | null }
