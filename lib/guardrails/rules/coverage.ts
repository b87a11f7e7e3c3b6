import { methodPrefix } from '#lib/registry/schema.ts'
import { capabilityWith } from '#lib/registry/schema/capabilities.ts'
import type { ToolFacts } from './facts.ts'

/** What a grant may name to cover the tool; null stands for the whole server, which never covers what a server asks of an agent, nor tasks. */
export function namesCovering({ name, isMethod }: Pick<ToolFacts, 'name' | 'isMethod'>): readonly (string | null)[] {
  // A tool that calls itself like a method is none.
  if (!isMethod) return name.startsWith(methodPrefix) ? [null] : [null, name]
  const capability = capabilityWith(name)
  const names = [...new Set([name, ...(capability ? [capability.name] : [])])].map((each) => methodPrefix + each)
  return capability?.grantedBy === 'name' ? names : [null, ...names]
}
