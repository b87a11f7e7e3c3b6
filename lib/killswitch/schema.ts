// Views are JSON as they are: times are ISO 8601 in UTC, money is micro-dollars as a decimal string.
import { z } from 'zod'
import { organizationTarget } from './schema/target.ts'

export const stopScopes = ['organization', 'team', 'server', 'agent', 'tool'] as const
export type StopScope = (typeof stopScopes)[number]

const reason = z.string().trim().min(3, 'Say why: the reason is shown on every page.').max(500)

/** Team, server or agent id; `server/tool` for a tool; for the organization it may be left out. */
export const stopTarget = z
  .strictObject({ scope: z.enum(stopScopes), targetId: z.string().min(1).max(200).default(organizationTarget) })
  .refine((target) => (target.scope === 'organization') === (target.targetId === organizationTarget), {
    message: 'Name what is to be stopped.',
    path: ['targetId'],
  })
export type StopTargetInput = z.input<typeof stopTarget>

export const orderStopInput = stopTarget.safeExtend({ reason })
export type OrderStopInput = z.input<typeof orderStopInput>

export const releaseStopInput = z.strictObject({ orderId: z.uuid(), reason })
export type ReleaseStopInput = z.infer<typeof releaseStopInput>

export const withdrawReleaseInput = z.strictObject({ orderId: z.uuid() })
export type WithdrawReleaseInput = z.infer<typeof withdrawReleaseInput>

export const stopListQuery = z.strictObject({
  open: z.stringbool().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** The last order of the page before. */
  cursor: z.uuid().optional(),
})
export type StopListQuery = z.infer<typeof stopListQuery>

/** What one process did about an order, and when. */
export type StopAckView = {
  process: string
  instance: string
  at: string
  detail: Record<string, unknown>
}

/** Tasks in the background of MCP servers: `open` are those of which no server has said that they are over, the first of them by name. */
export type CoveredTasks = {
  over: number
  open: number
  named: { agentId: string; serverId: string; tool: string }[]
}

/** An order. In force while `releasedAt` is null. */
export type StopOrderView = {
  id: string
  scope: StopScope
  targetId: string
  /** The target's name as it is now; its id when it is gone. */
  targetName: string
  reason: string
  orderedBy: { id: string | null; name: string }
  orderedAt: string
  releasedBy: { id: string | null; name: string } | null
  releasedAt: string | null
  releaseReason: string | null
  /** Who asked for its end where two people end it; `until`: so long somebody else can confirm it, null when that is over. */
  releaseAsked: { by: { id: string | null; name: string }; at: string; reason: string; until: string | null } | null
  acks: StopAckView[]
  /** Runs the order covered that are not proven stopped yet. */
  openRuns: number
  /** Runs this order has stopped. */
  stoppedRuns: number
  tasks: CoveredTasks
}

/** What an order would stop, counted on the server; the names are the first ones. */
export type BlastRadius = {
  scope: StopScope
  targetId: string
  targetName: string
  agents: { total: number; items: { id: string; name: string }[] }
  openRuns: { total: number; items: { id: string; agentId: string; agentName: string; startedAt: string | null }[] }
  schedules: { total: number; items: { agentId: string; agentName: string; schedule: string }[] }
  /** Runs go on for a server or tool order: only its calls are refused. */
  stopsRuns: boolean
}

/** The second of two orders for one target is told who was first. */
export type OrderRefusal = { reason: 'already_stopped'; orderId: string; orderedBy: string; orderedAt: string }
/** `waits`: two people end this order, and until then somebody else can. */
export type Released = { orderId: string; state: 'released' } | { orderId: string; state: 'waits'; until: string }
export type ReleaseRefusal =
  | { reason: 'already_released'; releasedBy: string; releasedAt: string }
  | { reason: 'second_person_needed'; askedAt: string; until: string }
export type WithdrawalRefusal = { reason: 'release_not_asked' } | { reason: 'not_your_wish'; askedBy: string }
