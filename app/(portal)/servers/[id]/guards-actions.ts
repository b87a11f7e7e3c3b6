'use server'

import { revalidatePath } from 'next/cache'
import { z } from 'zod'
import { paths } from '#lib/core/paths.ts'
import { setServerGuards } from '#lib/guardrails/commands.ts'
import { guardsRevision } from '#lib/guardrails/queries/server-guards.ts'
import { limitsOfBrokers } from '#lib/guardrails/rules/request-limits.ts'
import { setServerGuardsInput } from '#lib/guardrails/schema/server-guards.ts'
import { portalAction } from '#lib/web/action.ts'
import { unchangedSince } from '#lib/web/conditional.ts'
import { portal } from '#lib/web/db.ts'

export const setGuards = portalAction(setServerGuardsInput, async (ctx, input) => {
  const outcome = await setServerGuards(ctx, input, ofBrokers())
  revalidatePath(paths.server(input.serverId))
  return outcome
})

// An action exports nothing else, so what holds for any server is read when it is called.
function ofBrokers() {
  return limitsOfBrokers(portal().config.brokerLimits)
}

// What is edited is what the page has shown: not what somebody has made of it since.
const seen = { revision: z.string().max(100) }

export const setLimits = portalAction(setServerGuardsInput.extend(seen), async (ctx, { revision, ...input }) => {
  const asSeen = unchangedSince(ctx, { read: guardsRevision, id: input.serverId }, revision)
  const outcome = await setServerGuards(asSeen, input, ofBrokers())
  revalidatePath(paths.server(input.serverId))
  return outcome
})
