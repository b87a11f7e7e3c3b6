import type { Tx } from '#lib/db/client.ts'
import { personRevision } from '#lib/auth/queries.ts'
import { delegationRevision } from '#lib/delegation/queries.ts'
import {
  heldCallRevision,
  holdBypassRevision,
  holdRuleRevision,
  policyReplayRevision,
  policySetRevision,
  trialTermsRevision,
} from '#lib/guardrails/queries/revision.ts'
import { escalationRevision, runRevision } from '#lib/harness/queries.ts'
import { stopOrderRevision } from '#lib/killswitch/queries.ts'
import { channelRevision } from '#lib/notifications/queries.ts'
import {
  agentRevision,
  serverRevision,
  unregisteredRevision,
  viewDefaultRevision,
  viewRevision,
} from '#lib/registry/queries/revisions.ts'
import {
  approvalRuleRevision,
  breakGlassRevision,
  grantRevision,
  scopeRequestRevision,
} from '#lib/scopes/queries/revision.ts'
import { webhookRevision } from '#lib/webhooks/queries.ts'
import { reviewRevision } from '#lib/lifecycle/queries/review-revision.ts'
import type { Revised } from './endpoint.ts'

type Reader = (tx: Tx, id: string, lock: boolean) => Promise<string | null>

/** How what can be read and written is compared with what somebody has read. */
export const revisions = {
  agent: agentRevision,
  server: serverRevision,
  scopeRequest: scopeRequestRevision,
  heldCall: heldCallRevision,
  webhook: webhookRevision,
  view: viewRevision,
  unregistered: unregisteredRevision,
  grant: grantRevision,
  run: runRevision,
  policyReplay: policyReplayRevision,
  reviewCampaign: reviewRevision,
  holdRule: holdRuleRevision,
  holdBypass: holdBypassRevision,
  breakGlass: breakGlassRevision,
  approvalRule: approvalRuleRevision,
  policySet: policySetRevision,
  trialTerms: trialTermsRevision,
  delegation: delegationRevision,
  notificationChannel: channelRevision,
  person: personRevision,
  escalation: escalationRevision,
  viewDefault: viewDefaultRevision,
  stopOrder: stopOrderRevision,
} as const satisfies Record<Revised, Reader>
