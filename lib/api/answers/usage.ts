import { z } from 'zod'
import { argumentConditions } from '#lib/registry/schema/conditions.ts'
import type { StaleToolset } from '#lib/scopes/schema/toolsets.ts'
import type { FleetProposalList, GrantProposal, GrantUsage, UnusedGrantList } from '#lib/scopes/schema/usage.ts'
import { agentStatus } from './agents.ts'
import { answerOf, count, reference, text, time, toolClass } from './words.ts'

export const proposal = answerOf<GrantProposal>()(
  z.strictObject({
    kind: z.enum(['revoke', 'narrow']),
    because: z.enum(['unused', 'covered', 'narrower', 'arguments']),
    toolNames: z.array(text),
    coveredBy: z.array(text),
    conditions: z.array(z.strictObject({ tool: text, conditions: argumentConditions })),
    calls: count,
    denials: count,
    denialsBefore: count,
    unknownBefore: count,
    daysBefore: count,
  }),
).meta({ id: 'GrantProposal' })

export const usage = answerOf<GrantUsage>()(
  z.strictObject({
    grantId: text,
    serverId: text,
    class: toolClass,
    toolName: text.nullable(),
    verdict: z.enum(['used', 'unused', 'insufficient_data']),
    calls: count,
    lastUsedAt: time.nullable(),
    tools: z.array(z.strictObject({ tool: text, class: toolClass.nullable(), calls: count })),
    arguments: z.array(
      z.strictObject({
        tool: text,
        known: count,
        verdict: z.enum(['narrower', 'needed', 'insufficient_data']),
        missing: z.strictObject({ calls: count, days: count, unknown: count }).nullable(),
      }),
    ),
    narrower: z.array(text).nullable(),
    proposal: proposal.nullable(),
    missing: z.strictObject({ days: count, calls: count }).nullable(),
  }),
).meta({ id: 'GrantUsage' })

const unusedGrantShape = {
  grantId: text,
  agent: z.strictObject({ id: text, name: text, status: agentStatus }),
  owner: reference,
  accountable: reference,
  serverId: text,
  class: toolClass,
  toolName: text.nullable(),
  createdAt: time,
  expiresAt: time.nullable(),
  lastUsedAt: time.nullable(),
}

export const unusedGrantList = answerOf<UnusedGrantList>()(
  z.strictObject({ items: z.array(z.strictObject(unusedGrantShape)), days: count, nextCursor: text.nullable() }),
)

export const proposalList = answerOf<FleetProposalList>()(
  z.strictObject({
    items: z.array(z.strictObject({ ...unusedGrantShape, proposal })),
    days: count,
    nextCursor: text.nullable(),
  }),
)

const serverTools = { serverId: text, tools: z.array(text) }
export const staleToolset = answerOf<StaleToolset>()(
  z.strictObject({
    runId: text,
    state: z.enum(['queued', 'running', 'stopping']),
    agentVersion: count,
    beganAt: time,
    lost: z.array(z.strictObject({ ...serverTools, since: time })),
    gained: z.array(z.strictObject(serverTools)),
  }),
).meta({ id: 'StaleToolset' })
