import { cache } from 'react'
import { getAgent } from '#lib/registry/queries.ts'
import { agentRevision } from '#lib/registry/queries/revisions.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'

/** The agent of this address, what was written of it last, and who looks at it, read once for the frame and the tab inside it. */
export const loadAgent = cache(async (id: string) => {
  const ctx = await currentCtx()
  // Read before the agent: a change in between is then one that the page has not shown.
  const revision = (await agentRevision(ctx.db, id, false)) ?? ''
  const agent = await orNotFound(getAgent(ctx, id))
  return { ctx, agent, revision }
})
