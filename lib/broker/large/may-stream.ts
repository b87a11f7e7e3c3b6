import type { ToolFacts } from '#lib/guardrails/rules/facts.ts'
import type { BrokeredServer } from '../view/view.ts'

/**
 * Whether a result that is too large to hold may be passed on while it arrives. What is judged before it is passed on has to be there as a whole; what is neither a tool's nor a
 * resource is small, or changed as a whole.
 */
export function mayStream({ server, tool }: { server: BrokeredServer; tool: ToolFacts }): boolean {
  return !server.blockMarked && (!tool.isMethod || tool.name === 'resources/read')
}
