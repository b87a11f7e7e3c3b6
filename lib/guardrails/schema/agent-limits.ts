import { z } from 'zod'
import { oneLine } from '#lib/registry/schema.ts'

const own = (least: number, most: number) => z.int().min(least).max(most).nullable().optional()

/**
 * What an agent has of its own of the limits of its calls. Each only narrows: of the agent's, the server's and the broker's the lowest counts. Null: the agent
 * has none. A request may not be limited to less than MCP itself needs to say what is called.
 */
export const setAgentLimitsInput = z.strictObject({
  agentId: z.string().max(100),
  /** Of what it sends, in bytes. */
  requestBytesMax: own(1024, 4_194_304),
  /** Levels of arrays and objects in it. */
  requestDepthMax: own(8, 64),
  /** Until a server has answered its call. */
  callDeadlineSeconds: own(1, 600),
  /** Of a result, in bytes. */
  resultBytesMax: own(1, 268_435_456),
  /** Levels of arrays and objects in a result. */
  resultDepthMax: own(1, 64),
  reason: oneLine(500).min(3, 'Say why: the owner and the audit log keep it.'),
})
export type SetAgentLimitsInput = z.infer<typeof setAgentLimitsInput>

export const agentLimitNames = [
  'requestBytesMax',
  'requestDepthMax',
  'callDeadlineSeconds',
  'resultBytesMax',
  'resultDepthMax',
] as const satisfies readonly (keyof SetAgentLimitsInput)[]
export type AgentLimitName = (typeof agentLimitNames)[number]
export type AgentLimits = Record<AgentLimitName, number | null>
