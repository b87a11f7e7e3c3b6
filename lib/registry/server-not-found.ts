import { DomainError } from '#lib/core/errors.ts'

export function serverNotFound(id: string): DomainError {
  return new DomainError('not_found', `There is no MCP server ${JSON.stringify(id.slice(0, 100))} in the registry.`)
}
