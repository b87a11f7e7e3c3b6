/** What each kind of sealed thing is bound to: a ciphertext that was copied to another place does not open there. */
export const sealContexts = {
  /** Of a server itself, or of one team at that server. */
  upstreamCredential: (serverId: string, teamId: string | null = null) =>
    teamId === null ? `upstream-credential:${serverId}` : `upstream-credential:${serverId}:team:${teamId}`,
  upstreamTokens: (credentialId: string) => `upstream-tokens:${credentialId}`,
  upstreamAuthorization: (id: string) => `upstream-authorization:${id}`,
  serverProbe: (id: string) => `server-probe:${id}`,
  signingKey: (kid: string) => `signing-key:${kid}`,
  notificationChannel: (id: string) => `notification-channel:${id}`,
  webhook: (id: string) => `webhook:${id}`,
  embeddedCredential: (id: string) => `emb-credential:${id}`,
  mcpAnswer: (questionId: string) => `mcp-answer:${questionId}`,
  mcpTaskSession: (key: string) => `mcp-task-session:${key}`,
  mcpTaskAsk: (id: string) => `mcp-task-ask:${id}`,
  mcpHandover: (id: string) => `mcp-handover:${id}`,
}
