import type { GrantReach } from '../schema.ts'
import { capabilityOf } from './capabilities.ts'

/** Names of what is reached, as they are read: tools by their names, what is opened besides tools by its title. */
export function reachedText(names: readonly string[]): string {
  const besides = names.flatMap((name) => capabilityOf(name)?.title.toLowerCase() ?? [])
  const tools = names.filter((name) => !capabilityOf(name))
  return [tools.join(', '), besides.length > 0 ? `besides tools: ${besides.join(', ')}` : ''].filter(Boolean).join('; ')
}

/** `wipe: the guardrail policy_x forbids it`, for each reason. */
export function unreachedTexts(unreached: GrantReach['unreached']): string[] {
  return unreached.map(({ why, tools }) => `${reachedText(tools)}: ${why}`)
}
