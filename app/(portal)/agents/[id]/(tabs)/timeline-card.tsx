import Link from 'next/link'
import { Card } from '#components/ui/card.tsx'
import { agentTimeline } from '#lib/audit/queries.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { TimelineList } from './timeline-list.tsx'

const shown = 12

/** What happened to an agent lately, from the audit log; its calls are left out. */
export async function TimelineCard({ ctx, agentId }: { ctx: Ctx; agentId: string }) {
  const entries = await agentTimeline(ctx, { agentId, limit: shown })
  return (
    <Card
      title="Activity"
      description="What happened to it, newest first, without its calls."
      actions={
        <Link href={paths.agentActivity(agentId)} className="text-[13px] text-accent hover:underline">
          All of it
        </Link>
      }
    >
      <TimelineList entries={entries} />
    </Card>
  )
}
