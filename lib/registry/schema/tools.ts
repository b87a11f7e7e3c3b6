import { z } from 'zod'
import type { ToolVerdict } from '../rules/tool-change.ts'
import type { ToolFinding } from '../rules/tool-findings.ts'
import { manyLines, type ToolClass, toolClasses, type ToolState } from './words.ts'

const reason = manyLines(1000).trim().min(3, 'Say why, in a few words.')
/** The hash the person has seen: a definition that changed meanwhile is not decided by accident. */
const definitionHash = z.string().regex(/^.{1,100}$/, 'Give the definition hash that the tool is shown with.')

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

/** A tool as a server lists it (MCP `tools/list`); what else it says of it is kept as it is. */
export const listedTool = z.object({
  name: z.string('It has no name.').min(1, 'It has no name.').max(200, 'Its name has more than 200 characters.'),
  title: z.string('Its title is no text.').optional(),
  description: z.string('Its description is no text.').optional(),
  inputSchema: z.record(z.string(), z.unknown(), 'Its inputSchema is no object.'),
  annotations: z.record(z.string(), z.unknown(), 'Its annotations are no object.').optional(),
})
export type ListedTool = z.infer<typeof listedTool>

/** What a server lists, to be compared with what is known. */
export type RecordServerToolsInput = {
  serverId: string
  tools: ListedTool[]
  /** The first of what it lists besides that is no tool, each once, and how many entries are none. */
  leftOut?: LeftOutTool[]
  leftOutTotal?: number
  /** False: somebody whom it may offer more could not be asked, so nothing that is missing counts as removed. Without it: it is the whole list. */
  isWhole?: boolean
  /** What a tool never seen before starts as. */
  newToolState: 'approved' | 'quarantined'
  /** Which process asked the server. */
  seenBy: string
}

/** Something that a server lists and that is no tool; its name is cut. */
export type LeftOutTool = { name: string; reason: string }

/** How the last look at the tools of a server ended; times are ISO 8601. */
export type ToolListingView = {
  /** When they were last listed; null: never. */
  listedAt: string | null
  /** Why they cannot be listed now; null: they can. */
  problem: { message: string; since: string } | null
  /** The first of what it lists that is no tool: not watched, shown to nobody, never called. */
  leftOut: LeftOutTool[]
  leftOutTotal: number
}

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
