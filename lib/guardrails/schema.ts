import { type Role, rolesWith } from '#lib/auth/permissions.ts'
import { callRules } from './schema/call-rules.ts'
import { credentialRules } from './schema/credential-rules.ts'
import { holdRules } from './schema/hold-rules.ts'
import { limitRules } from './schema/limit-rules.ts'
import { protocolRules } from './schema/protocol-rules.ts'
import { registryRules } from './schema/registry-rules.ts'
import { enablers, nobody, platform, registrars, servers } from './schema/rule-keepers.ts'
import { runRules } from './schema/run-rules.ts'
import { taskRules } from './schema/task-rules.ts'
import { tokenRules } from './schema/token-rules.ts'

/** Who may lift or change a rule: roles, and in words what they do. */
export type RuleKeeper = { roles: readonly Role[]; how: string }

/**
 * One rule of the platform: the same entry is in the refusal, the API and the page. `setBy` says whose decision it is,
 * `remedy` what the one who was refused can do.
 */
export type Rule = {
  id: string
  title: string
  explanation: string
  remedy: string
  setBy: string
  changedBy: RuleKeeper
}

const stops: RuleKeeper = {
  roles: ['on_call', 'security', 'platform_admin'],
  how: 'Release the stop order on the kill page.',
}
const agentStatus: RuleKeeper = {
  roles: ['team_lead', 'security', 'on_call', 'platform_admin'],
  how: 'Resume the agent on its page.',
}
const grants: RuleKeeper = { roles: ['security'], how: 'Approve a scope request for this agent.' }
/** Who changes what the central policies say. */
export const centralKeeper: RuleKeeper = {
  roles: ['security', 'platform_admin'],
  how: 'Change the central policy set on the guardrails page.',
}

/** What a rule says, without its id. */
export type RuleWords = Omit<Rule, 'id'>

/** Every rule of the platform that can refuse an agent or its run, by id. Central policies carry their own words beside their text. */
export const rules = {
  killed: {
    title: 'Stopped by the kill switch',
    explanation: 'A stop order is in force for this agent, its team, this server, this tool or the whole organization.',
    remedy: 'Wait until the order is released; the stop page names who gave it and why.',
    setBy: 'The person who gave the stop order',
    changedBy: stops,
  },
  agent_unknown: {
    title: 'Only registered agents',
    explanation:
      'No agent of this id is in the registry. An unregistered agent gets no credentials and reaches nothing.',
    remedy: 'Register the agent with the new-agent wizard.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  agent_not_active: {
    title: 'Only active agents',
    explanation: 'The agent is still being created, or it was suspended or retired.',
    remedy: 'Finish its creation, or ask for it to be resumed. A retired agent stays retired.',
    setBy: 'Whoever changed the status; its page says who and why',
    changedBy: agentStatus,
  },
  run_not_open: {
    title: 'Only within an open run',
    explanation: 'The token belongs to a run that has ended, was stopped or does not exist.',
    remedy: 'Start a new run.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  version_mismatch: {
    title: 'Only the version that was launched',
    explanation: 'The token names another version of the agent than the one that is running.',
    remedy: 'Ask for a new token, or start a run of the current version.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  server_unknown: {
    title: 'Only registered servers',
    explanation: 'No MCP server of this id is in the registry.',
    remedy: 'Check the address, or ask security or the platform team to register the server.',
    setBy: 'Platform',
    changedBy: registrars,
  },
  server_disabled: {
    title: 'The server is disabled',
    explanation: 'The MCP server is registered but switched off.',
    remedy: 'Ask security or the platform team to enable it.',
    setBy: 'Whoever disabled the server',
    changedBy: enablers,
  },
  tool_unknown: {
    title: 'Only known tools',
    explanation: 'The registry knows no tool of this name on this server.',
    remedy: 'List the tools again. A tool that was just added appears after its discovery and review.',
    setBy: 'Platform',
    changedBy: servers,
  },
  tool_removed: {
    title: 'The tool is gone',
    explanation: 'The server no longer offers this tool.',
    remedy: 'List the tools again and use another one.',
    setBy: 'The MCP server',
    changedBy: servers,
  },
  tool_quarantined: {
    title: 'New and changed tools wait for review',
    explanation: 'The tool is new, or its definition changed since it was approved.',
    remedy: "Ask for its review on the server's page.",
    setBy: 'Platform',
    changedBy: servers,
  },
  grant_missing: {
    title: 'Only what is granted',
    explanation: 'The agent holds no grant for tools of this class on this server.',
    remedy: 'Request the scope in the portal.',
    setBy: 'The scoping policy of its template and the approvals since',
    changedBy: grants,
  },
  grant_expired: {
    title: 'The grant has expired',
    explanation: 'The agent held a grant for this tool, and its time is over.',
    remedy: 'Request the scope again in the portal.',
    setBy: 'Whoever approved the grant, with its duration',
    changedBy: grants,
  },
  policy_default_deny: {
    title: 'No policy permits it',
    explanation: 'The central policy set denies what it does not permit.',
    remedy: 'Request the scope in the portal; if it is granted already, ask the platform team.',
    setBy: 'Platform',
    changedBy: centralKeeper,
  },
  policy_error: {
    title: 'A policy could not be evaluated',
    explanation: 'A central policy failed on this call, and a call that cannot be judged is refused.',
    remedy: 'Tell the platform team; the broker log has the error.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  view_stale: {
    title: 'The registry cannot be read',
    explanation: 'The broker has not been able to read the registry for more than five seconds, so it refuses.',
    remedy: 'Try again shortly; it recovers by itself when the database answers.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  audit_unavailable: {
    title: 'No call without its audit record',
    explanation: 'The audit record of the call could not be made durable, so the call is refused.',
    remedy: 'Try again shortly; it recovers by itself when the database answers.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  upstream_unavailable: {
    title: 'The server does not answer',
    explanation:
      'The MCP server could not be reached or did not answer as MCP says. After several failures in a row the broker sends it nothing for a while.',
    remedy: 'Try again later, where a time to wait is given not before; the health of the server is on its page.',
    setBy: 'The MCP server',
    changedBy: servers,
  },
  upstream_deadline: {
    title: 'Every call has a deadline',
    explanation: 'The MCP server did not answer in time and the call was cancelled.',
    remedy: 'Ask for less at once, or have the server given longer to answer.',
    setBy: 'Platform',
    changedBy: {
      roles: rolesWith('servers:manage'),
      how: 'Give the server longer to answer on its page (Change limits); a second person confirms it.',
    },
  },
  draining: {
    title: 'The broker is restarting',
    explanation: 'This broker takes no new calls because it is being stopped.',
    remedy: 'Try again at once; another replica or the restarted one answers.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  method_not_brokered: {
    title: 'Only brokered methods',
    explanation: 'The broker does not pass this MCP method on.',
    remedy: 'Use tools, resources, prompts and completion.',
    setBy: 'Platform',
    changedBy: platform,
  },
  rate_limited: {
    title: 'Requests are limited in number',
    explanation:
      'Too many requests came in a short time: from one agent, to one MCP server, or to one address of the portal.',
    remedy: 'Wait as long as the refusal says (retryAfterMs, or the Retry-After header), then go on more slowly.',
    setBy: 'Platform',
    changedBy: platform,
  },
  ...callRules,
  ...credentialRules,
  ...holdRules,
  ...limitRules,
  ...registryRules,
  ...protocolRules,
  ...runRules,
  ...taskRules,
  ...tokenRules,
} as const satisfies Record<string, Omit<Rule, 'id'>>

/** A rule of the table, or a policy of a central set. */
export type RuleId = keyof typeof rules | `policy_${string}`

/** Why a call or a caller was refused: `rule` names the entry of the table, `message` says it about this very call and never carries a secret. */
export type Denial = {
  rule: RuleId
  message: string
  /** Numbers and words for programs, e.g. `{ retryAfterMs: 4000 }`; never a secret. */
  facts?: Readonly<Record<string, number | string>>
  /** What the rule says, when it is a policy of the set that judged and so no entry of the table. */
  words?: RuleWords
}
