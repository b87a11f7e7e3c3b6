import { DomainError } from '#lib/core/errors.ts'
import { methodPrefix } from '#lib/registry/schema.ts'
import { capabilities, capabilityOf, grantName } from '#lib/registry/schema/capabilities.ts'
import type { ScopeLimits } from './limits.ts'

/** Why what is asked for besides tools cannot be granted by that name; null: it can. */
export function besidesToolsProblem(toolName: string): string | null {
  if (capabilityOf(toolName)) return null
  return `Besides tools, ask for one of ${capabilities.map(grantName).join(', ')}.`
}

/**
 * Which limit cannot hold: what is no tool has no arguments that conditions speak of, and what a server asks is bounded by each call, not by a rate. A limit that holds nothing is
 * not taken.
 */
export function besidesToolsLimit(
  toolName: string | null,
  { conditions, rate }: ScopeLimits,
): { field: 'conditions' | 'rate'; message: string } | null {
  const capability = capabilityOf(toolName)
  if (capability && conditions.length > 0) {
    const message = `${capability.title} (${toolName}) has no arguments that a condition could speak of: leave them out.`
    return { field: 'conditions', message }
  }
  if (!rate || capability?.grantedBy !== 'name') return null
  const message = `${capability.title} (${toolName}) happens within calls, so no rate counts it: leave it out.`
  return { field: 'rate', message }
}

/** Throws `invalid` naming the limit that cannot hold. */
export function checkBesidesToolsLimits(toolName: string | null, limits: ScopeLimits): void {
  const problem = besidesToolsLimit(toolName, limits)
  if (problem) throw new DomainError('invalid', problem.message, { field: problem.field, rule: 'scopes:condition' })
}

/** The names besides tools that a grant of the whole server covers, for queries that ask `wholeServerCovers`. */
export const coveredBesidesTools: readonly string[] = capabilities
  .filter(({ grantedBy }) => grantedBy === 'server')
  .map(grantName)

/** Of what is granted besides tools, whether a grant of the whole server covers it as well. */
export function wholeServerCovers(toolName: string | null): boolean {
  return !toolName?.startsWith(methodPrefix) || capabilityOf(toolName)?.grantedBy === 'server'
}
