// Views are JSON as they are: times are ISO 8601 in UTC.

/** Tools of one server. */
export type ServerTools = { serverId: string; tools: string[] }

/**
 * An open session that began with another set of tools than the agent has now. Claude goes on listing what it began with; the broker decides by what is granted now.
 */
export type StaleToolset = {
  runId: string
  state: 'queued' | 'running' | 'stopping'
  agentVersion: number
  beganAt: string
  /** It lists them, and calls of them are refused. */
  lost: (ServerTools & { since: string })[]
  /** They could be called, and it may not list them before it begins anew. */
  gained: ServerTools[]
}
