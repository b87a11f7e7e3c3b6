/** Every URL of the portal, in one place: a page that moves moves here. */
export const paths = {
  home: () => '/',
  agents: () => '/agents',
  agentsDiff: () => '/agents/diff',
  /** Why an agent is in the list of a search, or not. */
  explainAgent: (about: { agent?: string; q?: string; asOf?: string } = {}) => withQuery('/agents/explain', about),
  newAgent: () => '/agents/new',
  unregistered: () => '/agents/unregistered',
  /** The wizard for something that was found unregistered. */
  adoptAgent: (unregisteredId: string) => `/agents/new?adopt=${encodeURIComponent(unregisteredId)}`,
  agent: (id: string, tab?: AgentTab) =>
    `/agents/${encodeURIComponent(id)}${tab && tab !== 'overview' ? `/${tab}` : ''}`,
  /** An agent as it was; without an instant where one asks for it. */
  agentPast: (id: string, asOf?: string) =>
    `/agents/${encodeURIComponent(id)}/past${asOf === undefined ? '' : `?asOf=${encodeURIComponent(asOf)}`}`,
  /** The scopes of an agent, with a request for this one begun. */
  requestScope: (id: string, wanted: { server: string; class: string; tool?: string }) =>
    withQuery(`/agents/${encodeURIComponent(id)}/scopes`, {
      request: wanted.server,
      class: wanted.class,
      tool: wanted.tool,
    }),
  /** Everything that happened to an agent but its calls. */
  agentActivity: (id: string) => `/agents/${encodeURIComponent(id)}/activity`,
  agentCreation: (id: string) => `/agents/${encodeURIComponent(id)}/creation`,
  templates: () => '/templates',
  template: (id: string) => `/templates/${encodeURIComponent(id)}`,
  servers: () => '/servers',
  newServer: () => '/servers/new',
  serverTool: (id: string, tool: string) => `/servers/${encodeURIComponent(id)}/tools/${encodeURIComponent(tool)}`,
  /** `authorized`: how the authorization ended that a person comes back from. */
  server: (id: string, authorized?: 'done' | 'failed') =>
    `/servers/${encodeURIComponent(id)}${authorized ? `?authorized=${authorized}` : ''}`,
  /** Where authorization servers of MCP servers send the browser back to. */
  upstreamCallback: () => '/api/oauth/callback',
  /** How the portal describes itself to them. */
  upstreamClient: () => '/api/oauth/client',
  requests: () => '/requests',
  breakGlass: () => '/requests/break-glass',
  approvalPolicy: () => '/requests/policy',
  unusedGrants: () => '/requests/unused',
  request: (id: string) => `/requests/${encodeURIComponent(id)}`,
  reviews: () => '/reviews',
  review: (id: string) => `/reviews/${encodeURIComponent(id)}`,
  runs: () => '/runs',
  run: (id: string) => `/runs/${encodeURIComponent(id)}`,
  approvals: (tab?: 'rules' | 'insight') => `/approvals${tab ? `/${tab}` : ''}`,
  approval: (heldCallId: string) => withQuery('/approvals', { id: heldCallId }),
  inbox: () => '/inbox',
  escalations: () => '/escalations',
  fleet: () => '/fleet',
  /** Why a rule refused; with the agent and the server it was about, the page says where to go from there. */
  rule: (
    id: string,
    about: { agent?: string | undefined; server?: string | undefined; tool?: string | undefined } = {},
  ) => withQuery(`/rules/${encodeURIComponent(id)}`, about),
  /** Why one decision was made: by the id of its audit event. */
  decision: (id: string) => `/explain/${encodeURIComponent(id)}`,
  /** What would be decided about a call; filled in as far as it is known. */
  simulate: (call: { agent?: string; server?: string; tool?: string } = {}) => withQuery('/simulate', call),
  audit: () => '/audit',
  /** The audit log with a filter set. */
  auditOf: (filter: Record<string, string>) => withQuery('/audit', filter),
  guardrails: () => '/guardrails',
  policySet: (number: number) => `/guardrails/${number}`,
  policySetCalls: (number: number) => `/guardrails/${number}/calls`,
  /** What recorded calls would have been under a set. */
  policyReplay: (id: string) => `/guardrails/replays/${encodeURIComponent(id)}`,
  /** A new draft; it begins with the text of this set, else of the one in force. */
  newPolicySet: (from?: number) => `/guardrails/new${from === undefined ? '' : `?from=${from}`}`,
  kill: () => '/kill',
  settings: () => '/settings',
  people: () => '/settings/people',
  tokens: () => '/settings/tokens',
  apps: () => '/settings/apps',
  /** Where apps send people who are to allow them something. */
  authorize: () => '/oauth/authorize',
  delegation: () => '/settings/delegation',
  notificationSettings: () => '/settings/notifications',
  signingKeys: () => '/settings/keys',
  /** Where verifiers read the public halves. */
  jwks: () => '/.well-known/jwks.json',
  webhooks: () => '/settings/webhooks',
  webhook: (id: string) => `/settings/webhooks/${encodeURIComponent(id)}`,
  apiReference: () => '/settings/api',
  apiOperation: (id: string) => `/settings/api/${encodeURIComponent(id)}`,
  openApi: () => '/api/v1/openapi.json',
  signIn: () => '/sign-in',
} as const

export const agentTabs = ['overview', 'scopes', 'connections', 'runs', 'cost', 'versions', 'history', 'audit'] as const
export type AgentTab = (typeof agentTabs)[number]

function withQuery(path: string, values: Record<string, string | undefined>): string {
  const query = new URLSearchParams(Object.entries(values).filter((pair): pair is [string, string] => !!pair[1]))
  return query.size > 0 ? `${path}?${query}` : path
}
