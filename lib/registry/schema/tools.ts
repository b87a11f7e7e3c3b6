import { z } from 'zod'
import type { ToolVerdict } from '../rules/tool-change.ts'
import type { ToolFinding } from '../rules/tool-findings.ts'
import { manyLines, type ToolClass, toolClasses, type ToolState } from './words.ts'

const reason = manyLines(1000).trim().min(3, 'Say why, in a few words.')
/** The hash the person has seen: a definition that changed meanwhile is not decided by accident. */
const definitionHash = z.string().regex(/^.{1,100}$/)

export const classifyToolInput = z.strictObject({
  serverId: z.string(),
  name: z.string(),
  /** null: what its server declares counts again. */
  class: z.enum(toolClasses).nullable(),
  reason,
})
export type ClassifyToolInput = z.infer<typeof classifyToolInput>

export const approveToolsInput = z.strictObject({
  serverId: z.string(),
  /** Each by name: all are approved, or none. `class`: what the person says it is, whatever its annotations say. */
  tools: z
    .array(z.strictObject({ name: z.string(), definitionHash, class: z.enum(toolClasses).optional() }))
    .min(1, 'Name at least one tool.')
    .max(500),
  /** Needed when one of them is suspended, or classed lower than its server declares. */
  reason: reason.optional(),
})
export type ApproveToolsInput = z.infer<typeof approveToolsInput>

export const rejectToolInput = z.strictObject({ serverId: z.string(), name: z.string(), definitionHash, reason })
export type RejectToolInput = z.infer<typeof rejectToolInput>

/** What a server lists (MCP `tools/list`), to be compared with what is known. */
export const recordServerToolsInput = z.strictObject({
  serverId: z.string(),
  tools: z.array(
    z.object({
      name: z.string().min(1).max(200),
      title: z.string().optional(),
      description: z.string().optional(),
      inputSchema: z.record(z.string(), z.unknown()),
      annotations: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
  /** What a tool never seen before starts as. */
  newToolState: z.enum(['approved', 'quarantined']),
  /** Which process asked the server. */
  seenBy: z.string(),
})
export type RecordServerToolsInput = z.infer<typeof recordServerToolsInput>

export type ToolView = {
  name: string
  title: string | null
  description: string
  inputSchema: Record<string, unknown>
  annotations: Record<string, unknown>
  class: ToolClass
  /** 'annotations': the server said so; 'platform': somebody here did. */
  classSource: string
  /** What its server declares, where it says nothing the worse; what counts is `class`. */
  declaredClass: ToolClass
  /** Classed lower than declared: its server says that it may do more. */
  lowered: boolean
  /** Who classed it otherwise than its server, and why; null: what is declared counts. */
  override: { by: { id: string; name: string }; at: string; reason: string | null } | null
  state: ToolState
  definitionHash: string
  /** How the listed definition relates to the approved one, and why. */
  verdict: ToolVerdict
  findings: ToolFinding[]
  /** What agents are shown; null: nothing was approved. */
  approvedHash: string | null
  /** Somebody has refused exactly this definition. */
  rejected: boolean
  firstSeenAt: string
  lastSeenAt: string
}

export type ToolDefinitionView = Record<string, unknown>

/** One entry of a tool's history, newest first. */
export type ToolHistoryEntry = { at: string; definitionHash: string } & (
  | {
      kind: 'listed'
      verdict: ToolVerdict | 'removed'
      findings: ToolFinding[]
      definition: ToolDefinitionView
      class: ToolClass
      state: ToolState
      seenBy: string
    }
  | {
      kind: 'decided'
      decision: 'approved' | 'rejected' | 'withdrawn' | 'classified'
      class: ToolClass
      reason: string | null
      by: { id: string; name: string }
    }
)

/** A tool with both definitions in full and everything that happened to it. */
export type ToolDetail = ToolView & {
  server: { id: string; name: string }
  listed: ToolDefinitionView
  approved: ToolDefinitionView | null
  history: ToolHistoryEntry[]
}

/** A tool that waits for a decision. */
export type ToolReview = {
  server: { id: string; name: string }
  tool: string
  /** New, or suspended because it changed. */
  verdict: ToolVerdict
  findings: ToolFinding[]
  since: string
  /** Who is asked; null: everybody who manages servers. */
  approver: { id: string; name: string } | null
}
