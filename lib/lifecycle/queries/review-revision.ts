import { revisionOf } from '#lib/core/revision.ts'
import type { Tx } from '#lib/db/client.ts'

/** A campaign with what was decided in it, as a text that changes with it; null: there is none. With `lock` the campaign is held first, as by whoever decides in it. */
export async function reviewRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "ReviewCampaign" where "id" = ${id}::uuid for update`
  const campaign = await tx.reviewCampaign.findUnique({
    where: { id },
    include: {
      items: { orderBy: { id: 'asc' }, select: { id: true, decision: true, how: true, decidedAt: true } },
    },
  })
  return campaign && revisionOf(campaign)
}
