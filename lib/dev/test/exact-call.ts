/** A call of an agent outside of runs, as a broker holds it. */
export function exactCall({ agentId, serverId }: { agentId: string; serverId: string }) {
  return {
    agentId,
    agentVersion: 1,
    runId: null,
    serverId,
    tool: 'change',
    definitionHash: 'h',
    arguments: { amount: 5 },
    policyVersion: 'p',
  }
}
