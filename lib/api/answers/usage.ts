import { z } from 'zod'
import type { StaleToolset } from '#lib/scopes/schema/toolsets.ts'
import type { GrantUsage, UnusedGrantList } from '#lib/scopes/schema/usage.ts'
import { agentStatus } from './agents.ts'
import { answerOf, count, reference, text, time, toolClass } from './words.ts'

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
    narrower: z.array(text).nullable(),
  }),
).meta({ id: 'GrantUsage' })

export const unusedGrantList = answerOf<UnusedGrantList>()(
  z.strictObject({
    items: z.array(
      z.strictObject({
        grantId: text,
        agent: z.strictObject({ id: text, name: text, status: agentStatus }),
        owner: reference,
        serverId: text,
        class: toolClass,
        toolName: text.nullable(),
        createdAt: time,
        expiresAt: time.nullable(),
        lastUsedAt: time.nullable(),
      }),
    ),
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
