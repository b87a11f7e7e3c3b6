import { z } from 'zod'
import { processBoundaries } from '#lib/core/process-boundary.ts'
import type { ServerGuards, ServerGuardsSet } from '#lib/guardrails/schema/server-guards.ts'
import { capabilityNames } from '#lib/registry/schema/capabilities.ts'
import type { ServerHealthView } from '#lib/registry/schema/health.ts'
import type { CredentialView } from '#lib/registry/schema/credentials.ts'
import { loosenedFacts, type LooseningView } from '#lib/registry/schema/loosenings.ts'
import { probeFindingNames, type ServerProbeView } from '#lib/registry/schema/probes.ts'
import { processStates, type ServerProcesses } from '#lib/registry/schema/processes.ts'
import type { RemovedToolList, ServerHolderList, ServerRow, ServerView } from '#lib/registry/schema/servers.ts'
import { serverCommand, serverTransports } from '#lib/registry/schema/transport.ts'
import { agentStatus, scopeChip } from './agents.ts'
import { packageFacts } from './packages.ts'
import { toolFinding, toolShape, toolVerdict } from './tools.ts'
import {
  answerOf,
  count,
  dataClass,
  environment,
  person,
  reference,
  sensitivity,
  text,
  time,
  toolClass,
} from './words.ts'

const credential = answerOf<CredentialView>()(
  z.strictObject({
    kind: text,
    headerName: text.nullable(),
    team: reference.nullable().describe('null: the server’s own, for every team without its own.'),
    settings: z.strictObject({
      clientId: text.optional(),
      method: text.optional(),
      scope: text.optional(),
      issuer: text.optional(),
      issuerFrom: z
        .literal('server')
        .optional()
        .describe('The server named the issuer, and nobody has confirmed it: of a client that was set without one.'),
      subject: text.optional(),
      idpIssuer: text.optional(),
      idpClientId: text.optional(),
      workloadIssuer: text.optional(),
      keyId: text.optional(),
    }),
    setBy: text.nullable(),
    reason: text.nullable(),
    updatedAt: time,
    lastUsedAt: time.nullable(),
    expiresAt: time.nullable().describe('When the secret itself ends, where that is known.'),
    tokensExpireAt: time.nullable().describe('When the access token ends, after which the broker gets another one.'),
    wantedScope: text.nullable().describe('What the server asked for beyond what was granted.'),
    lastError: z.strictObject({ message: text, at: time }).nullable(),
  }),
).meta({ id: 'ServerCredential' })

const leftOutTool = z.strictObject({ name: text, reason: text })

export const loosening = answerOf<LooseningView>()(
  z.strictObject({
    id: text,
    server: reference,
    tool: text.nullable(),
    what: z.enum(loosenedFacts),
    before: text.describe('What counts until somebody else confirms the change.'),
    after: text.nullable().describe('null: the kind of data is not named any more.'),
    reason: text.nullable(),
    proposedBy: person,
    proposedAt: time,
    until: time.describe('When it waits no more.'),
  }),
).meta({ id: 'Loosening' })

const serverShape = {
  id: text,
  name: text,
  description: text,
  transport: z.enum(serverTransports),
  url: text.describe('Empty for a server over stdio.'),
  command: serverCommand.nullable().describe('What is started of a server over stdio; null for one over HTTP.'),
  environment,
  sensitivity,
  dataClasses: z.array(dataClass),
  status: z.enum(['active', 'disabled']).describe('No agent reaches a disabled server; its grants stay.'),
  tools: z
    .record(z.enum([...toolClass.options, 'quarantined']), count)
    .describe('Approved tools by class, and how many wait for a review.'),
  recordedChanges: count.describe('Changes that were recorded while the tool stays as approved.'),
  agents: count.describe('Agents that hold a grant in force on it.'),
  credentials: z.array(credential),
  demo: z.boolean(),
}
export const serverRow = answerOf<ServerRow>()(z.strictObject(serverShape)).meta({ id: 'ServerRow' })

const serverHolder = scopeChip.extend({
  grantId: text,
  agent: z.strictObject({ id: text, name: text, status: agentStatus }),
  owner: reference,
  accountable: reference,
})
export const serverHolders = answerOf<ServerHolderList>()(
  z.strictObject({ items: z.array(serverHolder), total: count, nextCursor: text.nullable() }),
)

export const removedTools = answerOf<RemovedToolList>()(
  z.strictObject({ items: z.array(z.strictObject(toolShape)), total: count, nextCursor: text.nullable() }),
)

export const server = answerOf<ServerView>()(
  z.strictObject({
    ...serverShape,
    statusReason: text.nullable().describe('Why it is disabled; null: it is not, or nobody was asked.'),
    approver: reference.nullable().describe('Who is asked when its tools change; null: everybody who manages servers.'),
    packageFetch: z.strictObject({ ...packageFacts.shape, fetchedAt: time }).nullable(),
    accepted: z.array(z.strictObject({ finding: z.enum(probeFindingNames), byName: text, at: time })),
    toolList: z.array(z.strictObject(toolShape)),
    removedTools: z.array(z.strictObject(toolShape)),
    removedTotal: count,
    listing: z
      .strictObject({
        listedAt: time.nullable().describe('null: never.'),
        problem: z.strictObject({ message: text, since: time }).nullable(),
        leftOut: z.array(leftOutTool),
        leftOutTotal: count,
      })
      .nullable()
      .describe('How the last look at its tools ended; null: no broker has looked yet.'),
    holders: z.array(serverHolder),
    holdersTotal: count,
    besidesTools: z.array(
      z.strictObject({
        name: z.enum(capabilityNames),
        title: text,
        says: text,
        risk: z.enum(['low', 'medium', 'high']),
        riskSays: text,
        grantedBy: z.enum(['server', 'name']),
        methods: z.array(text).readonly(),
        agents: count,
      }),
    ),
    loosenings: z.array(loosening),
    createdAt: time,
    updatedAt: time,
  }),
).meta({ id: 'Server' })

export const serverProcesses = answerOf<ServerProcesses>()(
  z.strictObject({
    boundary: z.enum(processBoundaries),
    processes: z.array(
      z.strictObject({
        owner: text,
        instance: text,
        state: z.enum([...processStates, 'lost']),
        restarts: count,
        lastError: text.nullable(),
        stderr: z.array(text),
        memoryBytes: count.nullable(),
        startedAt: time.nullable(),
        changedAt: time,
      }),
    ),
  }),
).meta({ id: 'ServerProcesses' })

const comparedTool = z.strictObject({
  name: text,
  class: toolClass,
  classBefore: toolClass.nullable(),
  verdict: toolVerdict,
  waits: z.boolean().describe('Nobody may call it until somebody has decided about it.'),
  findings: z.array(toolFinding),
})

export const serverProbe = answerOf<ServerProbeView>()(
  z.strictObject({
    id: text,
    url: text,
    command: serverCommand.nullable(),
    createdAt: time,
    finishedAt: time.nullable(),
    report: z
      .strictObject({
        host: text,
        addresses: z.array(text),
        tls: z.enum(['verified', 'none', 'failed', 'unknown']),
        reachable: z.boolean(),
        challenge: text.nullable(),
        authorizationServer: text.optional(),
        protocol: z.strictObject({ era: z.enum(['modern', 'legacy']), version: text, server: text }).nullable(),
        tools: z.array(
          z.strictObject({
            name: text,
            description: text,
            class: toolClass,
            annotated: z.boolean(),
            findings: z.array(toolFinding),
          }),
        ),
        leftOut: z.array(leftOutTool).optional(),
        leftOutTotal: count.optional(),
        findings: z.array(z.strictObject({ kind: z.enum(probeFindingNames), note: text })),
        stderr: z.array(text).optional(),
        comparison: z
          .strictObject({
            added: z.array(comparedTool),
            changed: z.array(comparedTool),
            removed: z.array(text).nullable(),
            unchanged: count,
            leftOut: z.array(leftOutTool),
          })
          .optional(),
      })
      .nullable(),
  }),
).meta({ id: 'ServerProbe' })

/** Whether what was asked for was done. */
export const waits = z
  .boolean()
  .describe(
    'Of what is lower or looser than before: it was not done but proposed, and counts when somebody else confirms it.',
  )

const ownLimit = z.number().nullable().describe('null: as of any other server.')
const guards = z.strictObject({
  maskSecrets: z.boolean(),
  blockMarked: z.boolean(),
  callsPerSecond: ownLimit,
  callDeadlineSeconds: ownLimit,
  resultBytesMax: ownLimit,
  resultDepthMax: ownLimit,
})
export const serverGuards = answerOf<ServerGuards>()(guards).meta({ id: 'ServerGuards' })
export const serverGuardsSet = answerOf<ServerGuardsSet>()(guards.extend({ waits })).meta({
  id: 'ServerGuardsSet',
})

export const serverHealth = answerOf<ServerHealthView>()(
  z.strictObject({
    broker: text,
    state: z
      .enum(['closed', 'open'])
      .describe('open: the broker leaves the server alone, and tries it next at retryAt.'),
    failures: count.describe('In a row.'),
    lastError: text.nullable(),
    retryAt: time.nullable(),
    changedAt: time,
  }),
).meta({ id: 'ServerHealth' })
