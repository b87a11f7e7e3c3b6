import * as account from './routes/account.ts'
import * as agentLife from './routes/agent-life.ts'
import * as agents from './routes/agents.ts'
import * as approvals from './routes/approvals.ts'
import * as breakGlass from './routes/break-glass.ts'
import * as control from './routes/control.ts'
import * as decisions from './routes/decisions.ts'
import * as delegations from './routes/delegations.ts'
import * as escalations from './routes/escalations.ts'
import * as history from './routes/history.ts'
import * as inbox from './routes/inbox.ts'
import * as keys from './routes/keys.ts'
import * as notifications from './routes/notifications.ts'
import * as policyReplays from './routes/policy-replays.ts'
import * as people from './routes/people.ts'
import * as policySets from './routes/policy-sets.ts'
import * as registry from './routes/registry.ts'
import * as reviews from './routes/reviews.ts'
import * as runs from './routes/runs.ts'
import * as scopes from './routes/scopes.ts'
import * as servers from './routes/servers.ts'
import * as unregistered from './routes/unregistered.ts'
import * as usage from './routes/usage.ts'
import * as views from './routes/views.ts'
import * as webhooks from './routes/webhooks.ts'

/** Every endpoint of the REST API, by topic: the route handlers, the command line and the documentation all read this table. */
export const routes = {
  account,
  agents: { ...agents, ...agentLife },
  approvals,
  breakGlass,
  control,
  decisions,
  delegations,
  escalations,
  history,
  inbox,
  keys,
  notifications,
  people,
  policySets,
  policyReplays,
  registry,
  reviews,
  runs,
  scopes,
  servers,
  unregistered,
  usage,
  views,
  webhooks,
} as const
