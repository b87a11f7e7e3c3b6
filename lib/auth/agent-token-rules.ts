/** Why no token was issued; `rule` is an id of the rule table in lib/guardrails/schema.ts. `message` may be shown to the caller. */
export type TokenRefusal = { rule: string; message: string }

/** What the registry says about the one who asks; gathered in one place so that the decision stays pure. */
export type TokenFacts = {
  agent: {
    id: string
    ownerTeamId: string
    status: string
    statusReason: string | null
    currentVersion?: number
  } | null
  /** Orders in force. */
  stops: readonly { scope: string; targetId: string; orderedByName: string; reason: string }[]
  /** For session tokens: the run, and the version the token is asked for. */
  session?: { version: number; run: { agentId: string; agentVersion: number; state: string } | null }
}

/**
 * Gets a token only who is registered, active, not stopped and (in a session) within an open run of that version, or for a token it gives
 * in exchange (`version`) still of the version that is current. The order is the policy.
 */
export function refuseToken(facts: TokenFacts, agentId: string, version?: number): TokenRefusal | null {
  const { agent, session } = facts
  const stop = facts.stops.find(
    (order) =>
      order.scope === 'organization' ||
      (order.scope === 'agent' && order.targetId === agentId) ||
      (order.scope === 'team' && order.targetId === agent?.ownerTeamId),
  )
  if (stop) {
    return { rule: 'killed', message: `A stop order by ${stop.orderedByName} is in force: ${stop.reason}` }
  }
  if (!agent) return { rule: 'agent_unknown', message: `No agent ${agentId} is registered.` }
  if (agent.status !== 'active') {
    const why = agent.statusReason ? `: ${agent.statusReason}` : '.'
    return { rule: 'agent_not_active', message: `The agent ${agentId} is ${agent.status}${why}` }
  }
  if (version !== undefined && agent.currentVersion !== version) {
    const message = `The token is for version ${version}; version ${agent.currentVersion} is current.`
    return { rule: 'version_mismatch', message }
  }
  if (!session) return null
  const { run } = session
  if (!run || run.agentId !== agentId || !isOpen(run.state)) {
    return { rule: 'run_not_open', message: `The run is not an open run of ${agentId}.` }
  }
  if (run.agentVersion !== session.version) {
    return { rule: 'version_mismatch', message: `The run is of version ${run.agentVersion}, not ${session.version}.` }
  }
  return null
}

function isOpen(state: string): boolean {
  return state === 'queued' || state === 'running'
}
