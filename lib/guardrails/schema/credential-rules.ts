import type { Rule, RuleKeeper } from '../schema.ts'

const servers: RuleKeeper = {
  roles: ['security', 'platform_admin'],
  how: "Set or authorize the credential on the server's page.",
}
const platform: RuleKeeper = {
  roles: ['platform_admin'],
  how: 'The platform team brings the service that keeps the keys back.',
}

/** The rules of what the broker shows MCP servers; part of the one table in schema.ts. */
export const credentialRules = {
  credential_missing: {
    title: 'A server that asks for a credential needs one',
    explanation:
      'No credential in the registry is for the team of this agent: either there are only those of other teams, or the server has none and asks for one.',
    remedy: 'Ask security to set one for the server or for the team.',
    setBy: 'The MCP server',
    changedBy: servers,
  },
  credential_refused: {
    title: 'A credential has to be accepted',
    explanation: 'The MCP server or its authorization server refuses the credential that the broker shows it.',
    remedy: 'Ask security to replace the credential or to authorize it again.',
    setBy: 'The MCP server',
    changedBy: servers,
  },
  credential_scope: {
    title: 'A credential has to reach far enough',
    explanation: 'The MCP server asks for scopes that the credential of the broker does not have.',
    remedy: 'Ask security to authorize the credential with the scopes the server asked for; its page names them.',
    setBy: 'The MCP server',
    changedBy: servers,
  },
  credential_unavailable: {
    title: 'A credential has to be opened',
    explanation: 'The credential is sealed, and the key that opens it cannot be used now.',
    remedy:
      'Try again in a minute. If it stays so, tell the platform team: the service that keeps the keys does not answer, or a process lacks a key (WHEELHOUSE_KEYS).',
    setBy: 'Platform',
    changedBy: platform,
  },
} as const satisfies Record<string, Omit<Rule, 'id'>>
