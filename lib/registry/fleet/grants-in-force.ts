import { isBesidesTools } from '../schema/capabilities.ts'
import type { FleetAgent, FleetFacts, FleetGrant } from './facts.ts'

/** Grants in force: on an active server and, if of one tool, that tool is approved. What a row shows is what it is sorted by. */
export function grantsInForce(
  agent: Pick<FleetAgent, 'grants'>,
  { facts, clock }: { facts: FleetFacts; clock: number },
): FleetGrant[] {
  return agent.grants.filter((grant) => {
    const server = facts.servers.get(grant.serverId)
    const isOver = grant.expiresAt !== null && grant.expiresAt <= clock
    if (!server?.active || isOver) return false
    return (
      grant.toolName === null ||
      isBesidesTools(grant.toolName) ||
      server.tools.find(({ name }) => name === grant.toolName)?.state === 'approved'
    )
  })
}
