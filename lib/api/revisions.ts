import type { Tx } from '#lib/db/client.ts'
import { heldCallRevision, policyReplayRevision } from '#lib/guardrails/queries/revision.ts'
import { runRevision } from '#lib/harness/queries.ts'
import { agentRevision, serverRevision, unregisteredRevision, viewRevision } from '#lib/registry/queries/revisions.ts'
import { grantRevision, scopeRequestRevision } from '#lib/scopes/queries/revision.ts'
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
} as const satisfies Record<Revised, Reader>
