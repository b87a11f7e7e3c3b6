import { z } from 'zod'

const own = (most: number) => z.int().min(1).max(most).nullable()

/** What the broker does with a server's results, and how much it asks of the server. Of the limits null is the broker's own. What guards less waits for a second person. */
export const setServerGuardsInput = z.strictObject({
  serverId: z.string().max(100),
  /** Secrets in results are masked. */
  maskSecrets: z.boolean().optional(),
  /** Results with marks of prompt injection are refused; otherwise the marks are only recorded. */
  blockMarked: z.boolean().optional(),
  /** Calls that all brokers together send it in a second; four seconds' worth at once. */
  callsPerSecond: own(10_000).optional(),
  /** Until it has answered a call. */
  callDeadlineSeconds: own(600).optional(),
  /** Of a result, in bytes; never more than the broker's own. */
  resultBytesMax: own(268_435_456).optional(),
  /** Levels of arrays and objects in a result; never more than the broker's own. */
  resultDepthMax: own(64).optional(),
})
export type SetServerGuardsInput = z.infer<typeof setServerGuardsInput>

export type ServerLimits = {
  callsPerSecond: number | null
  callDeadlineSeconds: number | null
  resultBytesMax: number | null
  resultDepthMax: number | null
}
export type ServerGuards = { maskSecrets: boolean; blockMarked: boolean } & ServerLimits
/** What counts after a change; `waits`: what would guard less was proposed, and counts when somebody else confirms it. */
export type ServerGuardsSet = ServerGuards & { waits: boolean }
