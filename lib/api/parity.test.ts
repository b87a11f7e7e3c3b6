import { expect, test } from 'vitest'
import { sourceFiles } from '#lib/dev/source-files.ts'
import { routes } from './routes.ts'

/** Why something of the pages has no endpoint. */
type Reason = { not: string }

/**
 * The endpoint that does what a server action of the pages does. A new action is added here together with its endpoint and its verb on the
 * command line, or with the reason why only a browser can do it.
 */
const actions: Record<string, string | Reason> = {
  'app/(portal)/actions.ts orderStop': 'control.orderStop',
  'app/(portal)/actions.ts signOut': { not: 'ends the session of a browser; a token is revoked' },
  'app/(portal)/agents/actions.ts bulkEligible': 'agents.eligible',
  'app/(portal)/agents/actions.ts moveMany': 'agents.moveMany',
  'app/(portal)/agents/actions.ts remove': 'views.remove',
  'app/(portal)/agents/actions.ts save': 'views.create',
  'app/(portal)/agents/actions.ts setDefault': 'views.setDefault',
  'app/(portal)/agents/[id]/actions.ts changeLogic': 'agents.logic',
  'app/(portal)/agents/[id]/actions.ts issueCredential': 'agents.issueCredential',
  'app/(portal)/agents/[id]/actions.ts narrow': 'usage.narrow',
  'app/(portal)/agents/[id]/actions.ts requestScope': 'scopes.request',
  'app/(portal)/agents/[id]/actions.ts resume': 'agents.resume',
  'app/(portal)/agents/[id]/actions.ts retire': 'agents.retire',
  'app/(portal)/agents/[id]/actions.ts review': 'agents.review',
  'app/(portal)/agents/[id]/actions.ts revoke': 'scopes.revokeGrant',
  'app/(portal)/agents/[id]/actions.ts revokeCredential': 'agents.revokeCredentials',
  'app/(portal)/agents/[id]/actions.ts runNow': 'runs.start',
  'app/(portal)/agents/[id]/actions.ts schedule': 'agents.schedule',
  'app/(portal)/agents/[id]/actions.ts limitCalls': 'agents.limitCalls',
  'app/(portal)/agents/[id]/actions.ts setLimits': 'agents.setLimits',
  'app/(portal)/agents/[id]/actions.ts suspend': 'agents.suspend',
  'app/(portal)/agents/[id]/actions.ts update': 'agents.update',
  'app/(portal)/agents/[id]/actions.ts takeBreakGlass': 'breakGlass.take',
  'app/(portal)/agents/[id]/actions.ts takeOver': 'people.takeOver',
  'app/(portal)/agents/[id]/creation/actions.ts retry': 'agents.retryCreation',
  'app/(portal)/agents/new/actions.ts create': 'agents.create',
  'app/(portal)/agents/new/actions.ts preview': 'agents.create',
  'app/(portal)/agents/unregistered/actions.ts dismiss': 'unregistered.dismiss',
  'app/(portal)/approvals/actions.ts createRule': 'approvals.createRule',
  'app/(portal)/approvals/actions.ts decide': 'approvals.decide',
  'app/(portal)/approvals/actions.ts endBypass': 'approvals.endBypass',
  'app/(portal)/approvals/actions.ts openBypass': 'approvals.openBypass',
  'app/(portal)/approvals/actions.ts removeRule': 'approvals.removeRule',
  'app/(portal)/fleet/actions.ts retire': 'agents.retire',
  'app/(portal)/inbox/actions.ts mark': 'inbox.mark',
  'app/(portal)/inbox/actions.ts markAll': 'inbox.markAll',
  'app/(portal)/guardrails/actions.ts checkText': 'policySets.check',
  'app/(portal)/guardrails/actions.ts discard': 'policySets.discard',
  'app/(portal)/guardrails/actions.ts enforce': 'policySets.enforce',
  'app/(portal)/guardrails/actions.ts makeLogOnly': 'policySets.startLogOnly',
  'app/(portal)/guardrails/actions.ts rollBack': 'policySets.rollBack',
  'app/(portal)/guardrails/actions.ts saveDraft': 'policySets.create',
  'app/(portal)/guardrails/actions.ts setTerms': 'policySets.setTerms',
  'app/(portal)/guardrails/actions.ts confirmTerms': 'policySets.confirmTerms',
  'app/(portal)/guardrails/actions.ts withdrawTerms': 'policySets.withdrawTerms',
  'app/(portal)/guardrails/actions.ts stopLogOnly': 'policySets.endLogOnly',
  'app/(portal)/guardrails/replays/actions.ts cancelReplay': 'policyReplays.cancel',
  'app/(portal)/guardrails/replays/actions.ts startReplay': 'policyReplays.start',
  'app/(portal)/kill/actions.ts releaseAction': 'control.releaseStop',
  'app/(portal)/kill/actions.ts withdrawReleaseAction': 'control.withdrawRelease',
  'app/(portal)/requests/[id]/actions.ts decide': 'scopes.decide',
  'app/(portal)/requests/[id]/actions.ts revise': 'scopes.revise',
  'app/(portal)/requests/[id]/actions.ts withdraw': 'scopes.withdraw',
  'app/(portal)/requests/break-glass/actions.ts review': 'breakGlass.review',
  'app/(portal)/requests/break-glass/actions.ts revokeEmergency': 'scopes.revokeGrant',
  'app/(portal)/requests/policy/actions.ts addRule': 'scopes.createApprovalRule',
  'app/(portal)/requests/policy/actions.ts confirmRule': 'scopes.confirmApprovalRule',
  'app/(portal)/requests/policy/actions.ts withdrawRemoval': 'scopes.withdrawApprovalRuleEnd',
  'app/(portal)/approvals/actions.ts withdrawRemoval': 'approvals.withdrawRuleEnd',
  'app/(portal)/requests/policy/actions.ts removeRule': 'scopes.removeApprovalRule',
  'app/(portal)/requests/unused/actions.ts narrowProposed': 'usage.narrow',
  'app/(portal)/requests/unused/actions.ts revokeUnused': 'scopes.revokeGrant',
  'app/(portal)/reviews/actions.ts start': 'reviews.start',
  'app/(portal)/reviews/[id]/actions.ts decide': 'reviews.decide',
  'app/(portal)/reviews/[id]/actions.ts end': 'reviews.end',
  'app/(portal)/runs/[id]/actions.ts stopRunAction': 'runs.stop',
  'app/(portal)/servers/[id]/actions.ts approve': 'servers.approveTools',
  'app/(portal)/servers/[id]/actions.ts authorizeServer': { not: 'the browser that begins it has to come back' },
  'app/(portal)/servers/[id]/actions.ts classify': 'servers.classifyTool',
  'app/(portal)/servers/[id]/actions.ts confirmLoosening': 'servers.confirmLoosening',
  'app/(portal)/servers/[id]/actions.ts reject': 'servers.rejectTool',
  'app/(portal)/servers/[id]/actions.ts removeCredential': 'registry.removeServerCredential',
  'app/(portal)/servers/[id]/actions.ts revoke': 'scopes.revokeGrant',
  'app/(portal)/servers/[id]/actions.ts setApprover': 'servers.updateServer',
  'app/(portal)/servers/[id]/actions.ts setDataClasses': 'servers.updateServer',
  'app/(portal)/servers/[id]/actions.ts setCredential': 'registry.setServerCredential',
  'app/(portal)/servers/[id]/actions.ts withdrawLoosening': 'servers.withdrawLoosening',
  'app/(portal)/servers/[id]/change-actions.ts changeServer': 'servers.updateServer',
  'app/(portal)/servers/[id]/change-actions.ts setStatus': 'servers.updateServer',
  'app/(portal)/servers/[id]/guards-actions.ts setGuards': 'servers.setGuards',
  'app/(portal)/servers/[id]/guards-actions.ts setLimits': 'servers.setGuards',
  'app/(portal)/servers/[id]/package-actions.ts moveToVersion': 'servers.updateServer',
  'app/(portal)/servers/[id]/price-actions.ts setPrice': 'servers.setPrice',
  'app/(portal)/servers/[id]/process-actions.ts setBoundary': 'servers.setBoundary',
  'app/(portal)/servers/new/actions.ts fetchPackage': 'servers.fetchPackage',
  'app/(portal)/servers/new/actions.ts probe': 'servers.probeServer',
  'app/(portal)/servers/new/actions.ts readPackage': 'servers.showPackage',
  'app/(portal)/servers/new/actions.ts readProbe': 'servers.showProbe',
  'app/(portal)/servers/new/actions.ts register': 'servers.registerServer',
  'app/(portal)/settings/apps/actions.ts endConnection': 'account.endApp',
  'app/(portal)/settings/delegation/actions.ts endDelegation': 'delegations.revoke',
  'app/(portal)/settings/delegation/actions.ts nameDelegate': 'delegations.create',
  'app/(portal)/settings/keys/actions.ts rotateKey': 'keys.rotateSigningKey',
  'app/(portal)/settings/notifications/actions.ts addChannel': 'notifications.createChannel',
  'app/(portal)/settings/notifications/actions.ts changeChannel': 'notifications.updateChannel',
  'app/(portal)/settings/notifications/actions.ts channelTest': 'notifications.testChannel',
  'app/(portal)/settings/notifications/actions.ts choose': 'notifications.setPreferences',
  'app/(portal)/settings/notifications/actions.ts mailTest': 'notifications.testMail',
  'app/(portal)/settings/notifications/actions.ts removeChannel': 'notifications.deleteChannel',
  'app/(portal)/settings/notifications/actions.ts setDigest': 'notifications.setDigest',
  'app/(portal)/settings/people/actions.ts deactivate': 'people.deactivate',
  'app/(portal)/settings/people/actions.ts reactivate': 'people.reactivate',
  'app/(portal)/settings/tokens/actions.ts createToken': 'account.createToken',
  'app/(portal)/settings/tokens/actions.ts revokeToken': 'account.revokeToken',
  'app/(portal)/settings/webhooks/actions.ts create': 'webhooks.create',
  'app/(portal)/settings/webhooks/actions.ts remove': 'webhooks.remove',
  'app/(portal)/settings/webhooks/actions.ts replay': 'webhooks.replay',
  'app/(portal)/settings/webhooks/actions.ts rotate': 'webhooks.rotate',
  'app/(portal)/settings/webhooks/actions.ts sendTest': 'webhooks.test',
  'app/(portal)/settings/webhooks/actions.ts update': 'webhooks.update',
  'app/oauth/authorize/actions.ts decide': { not: 'consent is given in the browser that was sent to ask for it' },
  'app/sign-in/actions.ts signInAs': { not: 'signs a browser in' },
  'components/escalations/actions.ts resolveEscalationAction': 'escalations.resolve',
}

/** The endpoint that tells what a query of the pages tells. */
const queries: Record<string, string | Reason> = {
  agentMetrics: 'agents.metrics',
  agentRevision: { not: 'what an ETag says' },
  serverRevision: { not: 'what an ETag says' },
  guardsRevision: { not: 'what an ETag says' },
  agentRows: 'agents.csv',
  agentTimeline: 'agents.timeline',
  agentTraffic: 'agents.connections',
  blastRadius: 'control.blastRadius',
  centralRuleTitles: 'control.explainRule',
  callPrices: 'servers.showPrices',
  checkPolicyText: 'policySets.check',
  bulkEligibility: 'agents.eligible',
  catalogRows: 'agents.csv',
  countUnregistered: 'unregistered.list',
  countWaitingCalls: 'approvals.list',
  diffAgent: 'history.diffAgent',
  diffAgents: 'history.diffAgents',
  explainStoredRule: 'control.explainRule',
  explainAgentQuery: 'agents.explain',
  explainDecision: 'decisions.explain',
  exportManifest: 'agents.exportOne',
  exportManifests: 'agents.exportMany',
  fleetSummary: 'control.fleetSummary',
  forecastHoldRule: 'approvals.forecast',
  forecastHoldRules: 'approvals.forecast',
  getAgent: 'agents.show',
  getAgentAsOf: 'agents.show',
  getAgentVersion: 'agents.version',
  getCreationLog: 'agents.creation',
  getMoment: 'history.moments',
  listSigningKeys: 'keys.listSigningKeys',
  getNotificationSettings: 'notifications.settings',
  getPolicyReplay: 'policyReplays.show',
  getOrphan: 'people.listOrphans',
  getPolicySet: 'policySets.show',
  getRun: 'runs.show',
  getScopeRequest: 'scopes.show',
  getServer: 'registry.showServer',
  lastFailedCalls: 'control.listAudit',
  getAgentCallRate: 'agents.callRate',
  getAgentLimits: 'agents.limits',
  getServerGuards: 'servers.showGuards',
  getPackageFetch: 'servers.showPackage',
  getServerProbe: 'servers.showProbe',
  getServerProcesses: 'registry.showServerProcesses',
  getTemplate: 'registry.showTemplate',
  getTrialTerms: 'policySets.showTerms',
  getTool: 'servers.showTool',
  getUnregistered: 'unregistered.show',
  getWebhook: 'webhooks.show',
  getReview: 'reviews.show',
  listWaitingReviews: 'reviews.show',
  grantProposals: 'usage.proposals',
  grantUsage: 'usage.ofAgent',
  listReviews: 'reviews.list',
  staleToolsets: 'usage.toolsets',
  holdInsight: 'approvals.insight',
  listAccessTokens: 'account.listTokens',
  listAgentCredentials: 'agents.listCredentials',
  listAgentMoments: 'history.moments',
  listAgents: 'agents.list',
  listAppConnections: 'account.listApps',
  listApprovalRules: 'scopes.listApprovalRules',
  listAuditEvents: 'control.listAudit',
  listBreakGlass: 'breakGlass.list',
  listBreakGlassPage: 'breakGlass.list',
  listChannels: 'notifications.listChannels',
  listDelegations: 'delegations.list',
  listEscalations: 'escalations.list',
  listGrants: 'scopes.listGrants',
  listHeldCalls: 'approvals.list',
  listHoldBypasses: 'approvals.listBypasses',
  listHoldRules: 'approvals.listRules',
  listInbox: 'inbox.list',
  listNotificationDeliveries: 'notifications.deliveries',
  listOrphans: 'people.listOrphans',
  listPolicyReplays: 'policyReplays.list',
  listReplayedCalls: 'policyReplays.calls',
  listLogOnlyCalls: 'policySets.logOnlyCalls',
  listPeople: 'account.listPeople',
  listPolicySets: 'policySets.list',
  listPossibleDelegates: 'delegations.possible',
  listRunEvents: 'runs.events',
  listRuns: 'runs.list',
  listScopeRequests: 'scopes.list',
  listServerApprovers: 'account.listPeople',
  listRemovedTools: 'registry.listRemovedTools',
  listServerHolders: 'registry.listServerHolders',
  listServerHealth: 'servers.listHealth',
  listServers: 'registry.listServers',
  listStops: 'control.listStops',
  listTeams: 'account.listTeams',
  listTemplates: 'registry.listTemplates',
  listLoosenings: 'servers.listLoosenings',
  listToolReviews: 'servers.listReviews',
  listUnregistered: 'unregistered.list',
  listViews: 'views.list',
  listWaitingRequests: 'scopes.waiting',
  listWebhookDeliveries: 'webhooks.deliveries',
  listWebhooks: 'webhooks.list',
  matchingAgentIds: 'agents.list',
  openStops: 'control.listStops',
  pastOwners: 'control.listAudit',
  policySetsInUse: 'policySets.list',
  retirementCandidates: 'control.retirementCandidates',
  searchAgents: 'agents.list',
  serverTraffic: 'registry.showServerTraffic',
  setByOf: 'decisions.explain',
  simulate: 'decisions.simulate',
  similarAgents: 'agents.similar',
  templateDrift: 'agents.drift',
  readingPolicy: 'agents.create',
  trialReports: 'policySets.reports',
}

/** Endpoints that the command line has no verb for. */
const withoutVerb: Record<string, string> = {
  'agents.complete': 'completes while one types, in the search box',
  'agents.exportOne': 'agents export takes one id as well',
  'policySets.check': 'policy-sets check looks at files, without a connection',
  'runs.events': 'runs tail reads the live log, which begins with what is there',
}

const endpoints = new Set(
  Object.entries(routes).flatMap(([topic, table]) => Object.keys(table).map((name) => `${topic}.${name}`)),
)
const pages = sourceFiles(['app', 'components']).filter(({ path }) => !/^app\/api\/v1\/|\.test\.|\.client\./.test(path))

test('every server action has an endpoint that does the same', () => {
  const found = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/^export const (\w+) = portalAction\(/gm)].map((match) => `${path} ${match[1]}`),
  )
  expect(found.toSorted()).toEqual(Object.keys(actions).toSorted())
})

test('every query of the pages has an endpoint that tells the same', () => {
  const found = pages.flatMap(({ text }) =>
    [...text.matchAll(/^import \{([^}]*)\} from '#lib\/\w+\/queries(?:\/[\w-]+)*\.ts'/gm)].flatMap((match) =>
      (match[1] ?? '')
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '' && !name.startsWith('type ')),
    ),
  )
  expect([...new Set(found)].filter((name) => !(name in queries))).toEqual([])
})

test('every endpoint that is named exists', () => {
  const named = Object.values({ ...actions, ...queries }).filter((value) => typeof value === 'string')
  expect(named.filter((name) => !endpoints.has(name))).toEqual([])
})

test('every endpoint has a verb on the command line', () => {
  const files = sourceFiles(['lib/api/cli']).filter(({ path }) => !path.includes('.test.'))
  const text = files.map((file) => file.text).join('\n')
  // Verbs of one kind are made from a table: `routes.people[name]`, with the names beside it.
  const used = (endpoint: string) => {
    const [topic = '', name = ''] = endpoint.split('.')
    return (
      new RegExp(`routes\\.${topic}\\.${name}\\b`).test(text) ||
      files.some((file) => file.text.includes(`routes.${topic}[name]`) && file.text.includes(`'${name}'`))
    )
  }
  expect([...endpoints].filter((endpoint) => !used(endpoint)).toSorted()).toEqual(Object.keys(withoutVerb).toSorted())
})
