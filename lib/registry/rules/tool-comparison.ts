import type { ComparedTool } from '../schema/probes.ts'
import type { ToolVerdict } from './tool-change.ts'

/** How a listed definition stands to the approved one, where nobody has to decide about it. */
export const verdictTitles = {
  unchanged: 'Back to the approved definition',
  wording: 'Other wording',
  narrower: 'Takes less',
} as const satisfies Partial<Record<ToolVerdict, string>>

/** What becomes of a tool that would be listed so: `Changed, read → write; waits for its review`. */
export function comparedText({ verdict, class: toolClass, classBefore, waits }: ComparedTool): string {
  const titles = { new: classBefore === null ? 'New' : 'Never approved', suspended: 'Changed', ...verdictTitles }
  const otherClass = classBefore !== null && classBefore !== toolClass ? `, ${classBefore} → ${toolClass}` : ''
  return `${titles[verdict]}${otherClass}; ${waits ? 'waits for its review' : 'stays as approved'}`
}
