import { methodPrefix, namedMethods } from '#lib/registry/schema.ts'
import type { ToolFacts } from './facts.ts'

/** What a grant may name to cover the tool; null stands for the whole server, which never covers what a server asks of an agent, nor tasks. */
export function namesCovering({ name, isMethod }: Pick<ToolFacts, 'name' | 'isMethod'>): readonly (string | null)[] {
  if (isMethod) {
    const isNamed = (namedMethods as readonly string[]).includes(name)
    return isNamed ? [methodPrefix + name] : [null, methodPrefix + name]
  }
  // A tool that calls itself like a method is none.
  return name.startsWith(methodPrefix) ? [null] : [null, name]
}
