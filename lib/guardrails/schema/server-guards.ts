import { z } from 'zod'

/** What the broker does with a server's results. */
export const setServerGuardsInput = z.strictObject({
  serverId: z.string().max(100),
  /** Secrets in results are masked. */
  maskSecrets: z.boolean().optional(),
  /** Results with marks of prompt injection are refused; otherwise the marks are only recorded. */
  blockMarked: z.boolean().optional(),
})
export type SetServerGuardsInput = z.infer<typeof setServerGuardsInput>

export type ServerGuards = { maskSecrets: boolean; blockMarked: boolean }
