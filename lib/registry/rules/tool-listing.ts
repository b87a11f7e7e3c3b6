import { classFromAnnotations } from '../rules.ts'
import type { ToolClass, ToolState } from '../schema/words.ts'
import type { TextWorld } from './text-marks.ts'
import { classifyToolChange, inspectTool, type ToolDefinition, type ToolVerdict } from './tool-change.ts'
import type { ToolFinding } from './tool-findings.ts'

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

/**
 * What becomes of a tool whose listed definition is new, or another than last time. It stays approved if the definition is the approved one
 * or differs from it in wording or by asking for less; agents are shown the approved one all the same. Everything else is quarantined.
 */
export function judgeListing(options: {
  known: KnownTool | null
  tool: ToolDefinition
  hash: string
  newToolState: 'approved' | 'quarantined'
  world: TextWorld
}): ListingJudgement {
  const { known, tool, hash, newToolState, world } = options
  const listedClass = classFromAnnotations(recordOf(tool['annotations']))
  if (!known) return { verdict: 'new', findings: inspectTool(tool, world), state: newToolState, class: listedClass }
  const { approved } = known
  const classOf = (annotations: unknown) =>
    known.classSource === 'platform' ? known.class : classFromAnnotations(recordOf(annotations))
  if (!approved) {
    const findings = inspectTool(tool, world)
    return { verdict: 'new', findings, state: 'quarantined', class: classOf(tool['annotations']) }
  }
  const approvedClass = classOf(approved.definition['annotations'])
  if (approved.hash === hash) return { verdict: 'unchanged', findings: [], state: 'approved', class: approvedClass }
  const { verdict, findings } = classifyToolChange(approved.definition, tool, world)
  const suspended = verdict === 'suspended' || known.rejectedHash === hash
  return suspended
    ? { verdict, findings, state: 'quarantined', class: classOf(tool['annotations']) }
    : { verdict, findings, state: 'approved', class: approvedClass }
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}
