import { cache } from 'react'
import { getAgent } from '#lib/registry/queries.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'

/** The agent of this address and who looks at it, read once for the frame and the tab inside it. */
export const loadAgent = cache(async (id: string) => {
  const ctx = await currentCtx()
  const agent = await orNotFound(getAgent(ctx, id))
  return { ctx, agent }
})
