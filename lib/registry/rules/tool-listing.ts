import { classFromAnnotations } from '../rules.ts'
import type { ToolClass, ToolState } from '../schema/words.ts'
import type { TextWorld } from './text-marks.ts'
import { classifyingToolChange, inspectingTool, type ToolDefinition, type ToolVerdict } from './tool-change.ts'
import { finding, foremost, type ToolFinding } from './tool-findings.ts'

/** What is known of a tool that a server lists again, or lists otherwise. */
export type KnownTool = {
  class: ToolClass
  classSource: string
  rejectedHash: string | null
  /** The definition agents are shown; null: none was approved. */
  approved: { hash: string; definition: ToolDefinition } | null
}

export type ListingJudgement = {
  verdict: ToolVerdict
  findings: ToolFinding[]
  state: ToolState
  class: ToolClass
}

type Listing = {
  known: KnownTool | null
  tool: ToolDefinition
  hash: string
  newToolState: 'approved' | 'quarantined'
  world: TextWorld
}

/**
 * What becomes of a tool whose listed definition is new, or another than last time. It stays approved if the definition is the approved one
 * or differs from it in wording or by asking for less; agents are shown the approved one all the same. Everything else is quarantined, and so is
 * one that cannot be judged: it never keeps the others from being judged.
 */
export function* judgeListing(listing: Listing): Generator<void, ListingJudgement> {
  try {
    const judged = yield* judging(listing)
    return { ...judged, findings: foremost(judged.findings) }
  } catch {
    return {
      verdict: 'suspended',
      findings: [finding('unjudged', '', 'The rules failed on what it says.')],
      state: 'quarantined',
      class: listing.known?.class ?? 'destructive',
    }
  }
}

function* judging({ known, tool, hash, newToolState, world }: Listing): Generator<void, ListingJudgement> {
  const listedClass = classFromAnnotations(recordOf(tool['annotations']))
  if (!known) {
    const findings = yield* inspectingTool(tool, world)
    return { verdict: 'new', findings, state: newToolState, class: listedClass }
  }
  const { approved } = known
  const classOf = (annotations: unknown) =>
    known.classSource === 'platform' ? known.class : classFromAnnotations(recordOf(annotations))
  if (!approved) {
    const findings = yield* inspectingTool(tool, world)
    return { verdict: 'new', findings, state: 'quarantined', class: classOf(tool['annotations']) }
  }
  const approvedClass = classOf(approved.definition['annotations'])
  if (approved.hash === hash) return { verdict: 'unchanged', findings: [], state: 'approved', class: approvedClass }
  const { verdict, findings } = yield* classifyingToolChange(approved.definition, tool, world)
  const suspended = verdict === 'suspended' || known.rejectedHash === hash
  return suspended
    ? { verdict, findings, state: 'quarantined', class: classOf(tool['annotations']) }
    : { verdict, findings, state: 'approved', class: approvedClass }
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}
