import { err, ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import type { TokenEndpointError } from './agent-token-request.ts'

/**
 * What a token is for (RFC 8707): the whole broker unless `resource` narrows it to some of its servers, and never more than `allowed`.
 * A resource that is not ours, or a server that is not registered, is an `invalid_target`.
 */
export async function audiencesFor(
  tx: Tx,
  options: { broker: string; requested: readonly string[]; allowed?: readonly string[] | undefined },
): Promise<Result<string[], TokenEndpointError>> {
  const { broker, allowed = [broker] } = options
  const requested = [...new Set(options.requested.map((resource) => resource.replace(/\/+$/, '')))]
  const foreign = requested.find((resource) => resource !== broker && serverOf(resource, broker) === null)
  if (foreign !== undefined) return refused(`Tokens are issued for ${broker} and the servers below it only.`)
  const beyond = requested.find((resource) => !allowed.includes(broker) && !allowed.includes(resource))
  if (beyond !== undefined) return refused(`What was presented is not for ${beyond}.`)
  const audiences = requested.length === 0 ? [...allowed] : requested
  if (audiences.includes(broker)) return ok([broker])
  const ids = audiences.flatMap((audience) => serverOf(audience, broker) ?? [])
  const known = await tx.mcpServer.findMany({ where: { id: { in: ids } }, select: { id: true } })
  const unknown = ids.find((id) => !known.some((server) => server.id === id))
  return unknown === undefined ? ok(audiences) : refused(`No server ${unknown} is registered.`)
}

/** The id of the server that the resource is; null when it is none of this broker's. */
function serverOf(resource: string, broker: string): string | null {
  if (!resource.startsWith(`${broker}/`)) return null
  const id = resource.slice(broker.length + 1)
  return /^[a-z0-9-]{1,63}$/.test(id) ? id : null
}

function refused(message: string): Result<never, TokenEndpointError> {
  return err({ error: 'invalid_target', rule: 'resource_not_served', message })
}
