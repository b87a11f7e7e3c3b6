'use server'

import { revalidatePath } from 'next/cache'
import { z } from 'zod'
import { paths } from '#lib/core/paths.ts'
import { setCallPrice } from '#lib/metrics/commands.ts'
import { setCallPriceInput } from '#lib/metrics/schema/call-prices.ts'
import { serverRevision } from '#lib/registry/queries/revisions.ts'
import { portalAction } from '#lib/web/action.ts'
import { unchangedSince } from '#lib/web/conditional.ts'

// What is edited is what the page has shown: not what somebody has made of it since.
const seen = { revision: z.string().max(100) }

export const setPrice = portalAction(setCallPriceInput.extend(seen), async (ctx, { revision, ...input }) => {
  await setCallPrice(unchangedSince(ctx, { read: serverRevision, id: input.serverId }, revision), input)
  revalidatePath(paths.server(input.serverId), 'layout')
})
