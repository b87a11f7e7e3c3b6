import type { StandIn } from '#lib/delegation/schema.ts'
import type { ScopeRequestRow } from '../schema.ts'

/** A request that waits for oneself, and for whom one stands in. */
export type WaitingRequest = ScopeRequestRow & { standIns: StandIn[] }

export type WaitingRequestList = {
  items: WaitingRequest[]
  total: number
  /** There are more that wait than were looked at. */
  more: boolean
}
