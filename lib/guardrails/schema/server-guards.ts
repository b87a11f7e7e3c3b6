import { z } from 'zod'

const own = (most: number, says: string) =>
  z.int().min(1).max(most).nullable().optional().describe(`${says} null: as of any other server.`)

/** What the broker does with a server's results, and how much it asks of the server. Of the limits null is the broker's own. What guards less waits for a second person. */
export const setServerGuardsInput = z.strictObject({
  serverId: z.string().max(100),
  maskSecrets: z.boolean().optional().describe('Secrets in results are masked.'),
  blockMarked: z
    .boolean()
    .optional()
    .describe('Results with marks of prompt injection are refused; otherwise the marks are only recorded.'),
  callsPerSecond: own(10_000, 'Calls that all brokers together send it in a second; four seconds’ worth at once.'),
  callDeadlineSeconds: own(600, 'Seconds until it has answered a call.'),
  resultBytesMax: own(268_435_456, 'Bytes of a result, and never more than those of any other server.'),
  resultDepthMax: own(64, 'Levels of arrays and objects in a result, and never more than those of any other server.'),
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
