import type {
  AgentCreated,
  AgentLimitsChanged,
  AgentVersionCreated,
  ApprovalRuleCreated,
  BreakGlassReviewEscalated,
  CallApproved,
  CallEdited,
  CallHeld,
  DelegationCreated,
  DueChanged,
  GrantBreakGlass,
  GrantCreated,
  GrantNarrowed,
  HoldBypassOpened,
  HoldRuleCreated,
  McpResultPassed,
  McpTaskEnded,
  RefusedToPerson,
  RunEnded,
  ScopeRequestApproved,
  ScopeRequestCreated,
  ScopeRequestEscalated,
  ScopeRequestRevised,
  ScopeRequestStepApproved,
  LooseningProposed,
  ServerCreated,
  StandsInFor,
  TrialTerms,
} from './event-details.ts'

import type { CallOutcome, EndOfCall, ExplainedDenial, JudgedByPolicies, OfDemo, ReplaySums } from './call-details.ts'

/**
 * The typed catalogue of audit events: name → detail. Adding an event is adding a key; recording one without its detail does not compile.
 * Details never hold a secret; tool arguments are recorded as a digest plus, where policy allows, their redacted form.
 */
export type AuditEvents = {
  // auth
  'person.signed_in': { method: 'oidc' | 'demo' }
  'person.sign_in_refused': { method: string; reason: string }
  'person.signed_out': Record<string, never>
  'person.roles_changed': { before: string[]; after: string[]; source: string }
  'person.deactivated': { because: string; reason: string | null; agents: number; sessions: number; tokens: number }
  'person.reactivated': { because: string | null; reason: string | null }
  'person.created': { email: string; source: string }
  'token.created': { tokenId: string; permissions: string[]; expiresAt: string }
  'token.revoked': { tokenId: string }
  'app.registered': { redirectUris: string[] }
  'app.connected': { connectionId: string; permissions: string[]; resource: string; expiresAt: string }
  'app.refused': { reason: string; personId: string | null }
  'app.token_issued': { connectionId: string; personId: string; grant: string; expiresAt: string }
  'app.disconnected': { connectionId: string; personId: string; by: 'person' | 'app' | 'code_reuse' | 'token_reuse' }
  'agent.token_issued': { clientId: string; audience: string; expiresAt: string; grant?: string; onBehalfOf?: string }
  'agent.token_refused': { clientId: string; reason: string; grant?: string }
  'agent.token_revoked': { clientId: string }
  'signing_key.created': { kid: string }
  'signing_key.rotated': { kid: string; signsFrom: string; withdrawn: string[]; reason: string }
  'keys.rotated': { from: string; to: string; reason: string }
  'keys.rewrapped': { keyId: string; rewrapped: number }
  // registry
  'team.created': { costCenter: string | null }
  'agent.created': AgentCreated
  'agent.imported': { source: string; lastReviewedAt?: string; nextReviewAt?: string }
  'agent.updated': { before: Record<string, unknown>; after: Record<string, unknown> }
  'agent.version_created': AgentVersionCreated
  'agent.creation_retried': { steps: string[] }
  'agent.provisioned': { version: number; claudeAgentId: string; claudeVersion: number }
  'agent.credentials_issued': { clientId: string }
  'agent.credentials_revoked': { clientIds: string[] }
  'agent.activated': Record<string, never>
  /** Calls a second at all brokers together; null: as any other. */
  'agent.calls_limited': { before: number | null; after: number | null; reason: string }
  /** Limits of its own that changed; null: none. */
  'agent.limits_changed': AgentLimitsChanged
  'agent.suspended': { reason: string }
  'agent.orphaned': { personId: string; because: string; since: string; suspendAt: string }
  'agent.orphan_grace_changed': { tier: string; before: string; after: string }
  'agent.orphan_ended': { personId: string; how: 'person_returned' | 'reassigned' | 'retired' }
  'agent.taken_over': {
    before: { accountablePersonId: string }
    after: { accountablePersonId: string }
    resumed: boolean
    reason: string | null
  }
  'agent.resumed': { reason: string }
  'agent.retired': { reason: string; grantsRevoked: number }
  'agent.reviewed': { nextReviewAt: string | null }
  'unregistered.found': { source: string; key: string; verified: boolean }
  'unregistered.returned': { was: string }
  'unregistered.dismissed': { reason: string }
  'unregistered.adopted': { agentId: string; prompt: 'carried' | 'extended' | 'replaced' | 'none' }
  'unregistered.gone': Record<string, never>
  'unregistered.imported': { rows: number; added: number }
  'catalog_view.saved': { before: object | null; after: object }
  'catalog_view.deleted': { view: object }
  'catalog_view.default_set': { role: string; before: string | null; after: string | null }
  'agent.schedule_changed': { schedule: string | null; enabled: boolean }
  'server.created': ServerCreated
  /** `reason`: of one that is disabled. */
  'server.updated': { before: Record<string, unknown>; after: Record<string, unknown>; reason?: string }
  /** Lower facts of a server or of its tool, by which controls are chosen, wait for a second person. */
  'server.loosening_proposed': LooseningProposed
  'server.loosening_confirmed': { looseningId: string; what?: string }
  'server.loosening_ended': { looseningId: string; how: 'withdrawn' | 'replaced' }
  'server.credential_set': { kind: string; replaced: boolean; reason: string | null }
  /** A client that was set without its authorization server is for the one that its server named first. */
  'server.credential_issuer_kept': { issuer: string }
  'server.authorization_begun': { issuer: string; scope: string | null }
  'server.authorization_failed': { message: string }
  'server.credential_expiring': { kind: string; expiresAt: string; teamName?: string }
  'package.requested': { name: string; version: string }
  'package.fetched': { name: string; version: string; found: object }
  'server.probed': { url: string; command?: object; withCredential: boolean }
  'server.unavailable': { broker: string; failures: number; lastError: string | null }
  'server.available': { broker: string }
  'server.process_failing': { owner: string; instance: string; restarts: number; lastError: string | null }
  'server.process_running': { owner: string; instance: string }
  'server.credential_removed': { reason: string }
  /** For some minutes nobody has been able to list its tools: changes go unseen. */
  'server.tools_unlisted': { reason: string; since: string; approverId: string | null }
  'server.tools_listed': Record<string, never>
  /** So many entries of its list are no tools, and are not watched; `first`: of those not told of before, with names that may be cut. */
  'tool.left_out': { count: number; first: { name: string; reason: string }[]; approverId: string | null }
  'tool.discovered': { class: string; definitionHash: string; state: string; verdict: string }
  'tool.suspended': {
    definitionHash: string
    approvedHash: string
    approverId: string | null
    findings: { kind: string; path: string; note: string }[]
  }
  'tool.classified': { before: string; after: string; declared: string; reason: string }
  'tool.approved': { class: string; definitionHash: string; reason: string | null; findings: string[] }
  'tool.rejected': { definitionHash: string; withdrawn: boolean; reason: string }
  'template.published': { version: string; digest: string }
  // scopes
  'grant.created': GrantCreated
  /** Announced as it happens: webhooks can be told of it by this name. */
  'grant.break_glass': GrantBreakGlass
  'grant.break_glass_refused': RefusedToPerson
  'grant.break_glass_reviewed': { grantId: string; verdict: string; note: string }
  /** Grants of single tools took the place of one of a class; each has its own events as well. */
  'grant.narrowed': GrantNarrowed
  'grant.revoked': { grantId: string; class: string; reason: string }
  'scope_request.created': ScopeRequestCreated
  /** One of several people has approved; it still waits. */
  'scope_request.step_approved': ScopeRequestStepApproved
  /** The approval policy approved it, nobody else. */
  'scope_request.auto_approved': { requestId: string; approvalRule: string; class: string; expiresAt: string | null }
  'scope_request.changes_requested': { requestId: string; note: string; standsInFor?: StandsInFor }
  'scope_request.revised': ScopeRequestRevised
  /** Announced once, when the time to decide is over. */
  'scope_request.overdue': { requestId: string; dueAt: string }
  /** Told once, before it is due. */
  'scope_request.reminded': { requestId: string; dueAt: string }
  /** Another rule holds for it now, or the same one for something else. */
  'scope_request.due_changed': DueChanged & { requestId: string }
  'break_glass_review.reminded': { grantId: string; dueAt: string }
  'break_glass_review.overdue': { grantId: string; dueAt: string }
  'break_glass_review.escalated': BreakGlassReviewEscalated
  'break_glass_review.due_changed': DueChanged & { grantId: string }
  /** Passed on, once for each step, when it is overdue still. */
  'scope_request.escalated': ScopeRequestEscalated
  /** Announced once, when a grant has ended by itself. */
  'grant.ended': { grantId: string; class: string; toolName: string | null; expiresAt: string }
  'approval_rule.created': ApprovalRuleCreated
  'approval_rule.proposed': ApprovalRuleCreated
  'approval_rule.confirmed': { ruleId: string }
  'approval_rule.end_asked': { ruleId: string; reason: string }
  /** Who asked for its end has taken that back. */
  'approval_rule.end_withdrawn': { ruleId: string }
  'approval_rule.removed': { ruleId: string; reason: string }
  /** Of what takes a second person: confirming, or taking back that one has asked for its end. */
  'approval_rule.refused': { ruleId: string; action: string; reason: string }
  /** Announced once, before a grant ends by itself. */
  'grant.ends_soon': { grantId: string; class: string; toolName: string | null; expiresAt: string }
  'scope_request.approved': ScopeRequestApproved
  'scope_request.rejected': { requestId: string; class: string; note: string | null; standsInFor?: StandsInFor }
  'review.started': {
    campaignId: string
    items: number
    agents: number
    dueAt: string
    atEnd: string
    query: string | null
    viewName: string | null
  }
  /** Told of each agent when a campaign begins, and of those that nobody has answered for again before it ends. */
  'review.asked': { campaignId: string; title: string; grants: number; dueAt: string; reminder: boolean }
  'review.item_decided': {
    campaignId: string
    grantId: string
    class: string
    decision: string
    reason: string
    /** By its owners, by security in their place, or by what the campaign says of what nobody answers. */
    how: string
    /** What is left of it when it is narrowed. */
    toolNames: string[]
    standsInFor?: StandsInFor
  }
  'review.refused': { campaignId: string; grantId: string } & RefusedToPerson
  'review.ended': {
    campaignId: string
    kept: number
    narrowed: number
    revoked: number
    unanswered: number
    early: boolean
  }
  'scope_request.withdrawn': { requestId: string }
  'scope_request.refused': { requestId: string | null } & RefusedToPerson
  // harness
  'run.requested': { trigger: string; version: number }
  'run.refused': { trigger: string; reason: string } & ExplainedDenial
  'run.started': { claudeSessionId: string; simulated: boolean }
  'run.ended': RunEnded & ExplainedDenial
  'run.stop_requested': { reason: string } & ExplainedDenial
  'run.escalated': { kind: string; title: string }
  'escalation.resolved': { escalationId: string }
  // broker
  'mcp.tools_listed': { listed: number; hidden: number }
  'mcp.call_intended': { argumentsDigest: string; class: string; traceId?: string; bypassed?: BypassedHold } & OfDemo
  'mcp.call_allowed': {
    argumentsDigest: string
    class: string
    outcome: CallOutcome
    ms: number
    /** The grant it was made under. */
    grantId?: string
    /** The rules that would have held it, and the bypasses that let it through. */
    bypassed?: BypassedHold
    /** The task that the call began or that is asked for: a digest of its id, the tool it runs, how it is, and requests to the server if they were several. */
    task?: { id: string; tool: string; status: string | null; requests?: number }
    /** Of W3C trace context, when the call belongs to a trace. */
    traceId?: string
    /** Secrets in the result that were masked, by kind; never what they were. */
    masked?: Record<string, number>
    /** Marks of prompt injection in the result. */
    marks?: string[]
  } & EndOfCall
  /** The end of a result that was passed on while it arrived. */
  'mcp.result_passed': McpResultPassed
  /** A stream that no call began; `resumes`: the tool whose call's stream was cut off and goes on in it. */
  'mcp.stream_opened': { resumes: string | null }
  /** The first message of such a stream in which something of a kind was found. */
  'mcp.notice_guarded': { method: string; masked?: Record<string, number>; marks?: string[] }
  'mcp.call_denied': {
    argumentsDigest: string | null
    class: string | null
    message: string
    /** How many calls it is about, when they came too often to be recorded each; left out: one. */
    count?: number
    traceId?: string
  } & JudgedByPolicies &
    ExplainedDenial &
    OfDemo
  /** A broker ended a task whose agent may not go on; `task`: as in the record of its call; `outcome`: whether its server said that it is over. */
  'mcp.task_ended': McpTaskEnded
  'mcp.caller_refused': { reason: string; count: number } & ExplainedDenial
  // the registry as an MCP server
  'registry.asked': { tool: string; arguments: string; via: string; outcome: string }
  'registry.refused': { tool: string; arguments: string; via: string; message: string }
  // webhooks
  'webhook.created': { url: string; events: string[] }
  'webhook.updated': { before: Record<string, unknown>; after: Record<string, unknown> }
  'webhook.secret_rotated': { previousUntil: string }
  'webhook.tested': { deliveryId: string }
  'webhook.replayed': { deliveries: number }
  'webhook.disabled': { reason: string }
  'webhook.deleted': { url: string }
  // central policies
  'policy_set.imported': { number: number; version: string; state: 'enforced' | 'draft'; release: string }
  'policy_replay.started': { number: number | null; version: string; from: string; to: string }
  'policy_replay.ended': { number: number | null; version: string; outcome: string; figures: ReplaySums | null }
  'policy_set.drafted': { number: number; version: string; basedOn: number | null; note: string }
  'policy_set.edited': { number: number; before: string; version: string; wasLogOnly: boolean; note: string }
  'policy_set.log_only_started': { number: number; version: string; beside: number | null }
  'policy_set.log_only_ended': { number: number; version: string }
  'policy_set.enforced': {
    number: number
    version: string
    superseded: number | null
    withoutReplay: string | null
    /** Left out by older releases. */
    emptyReplay?: string | null
  }
  'policy_set.discarded': { number: number; version: string; note: string }
  'policy_trial_terms.changed': { before: TrialTerms; after: TrialTerms }
  /** Below the defaults: waits for a second person. */
  'policy_trial_terms.proposed': { before: TrialTerms; after: TrialTerms }
  'policy_trial_terms.confirmed': { before: TrialTerms; after: TrialTerms; proposedBy: string }
  'policy_trial_terms.withdrawn': TrialTerms
  'policy_trial_terms.refused': { action: string; reason: string }
  'policy_set.rolled_back': { number: number; version: string; superseded: number | null; reason: string }
  'policy_set.refused': { number: number; action: string; reason: string }
  // delegation while away
  'delegation.created': DelegationCreated
  'delegation.refused': { delegateId: string } & RefusedToPerson
  'delegation.revoked': { delegationId: string; personId: string; delegateId: string }
  // notifications
  'notification_channel.created': { host: string; kinds: string[]; personal: boolean }
  'notification_channel.updated': { before: Record<string, unknown>; after: Record<string, unknown> }
  'notification_channel.disabled': { reason: string }
  'notification_channel.deleted': { host: string }
  'notification_channel.tested': { deliveryId: string }
  'person.notifications_changed': { before: Record<string, unknown>; after: Record<string, unknown> }
  'person.mail_tested': { deliveryId: string }
  // held calls
  'hold_rule.created': HoldRuleCreated
  'hold_rule.end_asked': { ruleId: string; reason: string }
  'hold_rule.end_withdrawn': { ruleId: string }
  'hold_rule.removed': { ruleId: string; reason: string }
  'hold_rule.refused': { ruleId: string; action: string; reason: string }
  /** Announced as it happens: calls that the rule would hold go through until then. */
  'hold_bypass.opened': HoldBypassOpened
  'hold_bypass.refused': { ruleId: string } & RefusedToPerson
  'hold_bypass.ended': { bypassId: string; ruleId: string; how: 'person' | 'time' | 'rule_removed' | 'opener_left' }
  'call.held': CallHeld & ExplainedDenial
  /** Told once, before its time is over. */
  'call.reminded': { heldCallId: string; digest: string; ruleTitle: string; expiresAt: string }
  'call.approved': CallApproved
  'call.edited': CallEdited
  'call.rejected': { heldCallId: string; digest: string; note: string; standsInFor?: StandsInFor }
  'call.decision_refused': { heldCallId: string } & RefusedToPerson
  'call.expired': { heldCallId: string; digest: string; outcome: string }
  'call.cancelled': { heldCallId: string; digest: string; reason: string }
  /** Told to its caller: released to the server, or not; `unclaimed`: its caller never came for it. Written once for a held call. */
  'call.settled': { heldCallId: string; digest: string; state: string; by: string }
  // metrics
  'agent.over_budget': { month: string; spentMicros: string; budgetMicros: string }
  'agent.within_budget': { month: string; spentMicros: string; budgetMicros: string }
  /** What a call of a tool, or of a server's tools without a price of their own, costs in micro-dollars. */
  'call_price.changed': { before: string | null; after: string | null }
  'price.added': { model: string; effectiveFrom: string; maxPromptTokens: number | null }
  // stop
  'stop.ordered': { orderId: string; scope: string; reason: string }
  'stop.release_asked': { orderId: string; scope: string; reason: string; until: string }
  'stop.release_withdrawn': { orderId: string; scope: string }
  'stop.release_refused': { orderId: string; scope: string; reason: string; askedAt: string; until: string }
  'stop.released': { orderId: string; scope: string; reason: string; askedBy?: string }
  'stop.acknowledged': { orderId: string; process: string; detail: Record<string, unknown> }
}

/** A rule that would have held a call, and what let the call through; `also`: the other ones that it needed. */
export type BypassedHold = BypassedRule & { also?: BypassedRule[] }
type BypassedRule = { rule: string; bypass: string }

export type AuditEventName = keyof AuditEvents

/** Who did what to whom. Names are kept beside ids, so that a row can be read when the subject is gone. */
export type AuditEntry<N extends AuditEventName = AuditEventName> = {
  event: N
  subject: { kind: string; id: string; name: string }
  detail: AuditEvents[N]
  agentId?: string
  teamId?: string
  serverId?: string
  tool?: string
  runId?: string
  decision?: 'allow' | 'deny' | 'hold'
  rule?: string
}
