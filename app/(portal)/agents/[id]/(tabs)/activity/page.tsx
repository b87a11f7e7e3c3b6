import type { Metadata } from 'next'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { agentTimeline } from '#lib/audit/queries.ts'
import { timelineQuery } from '#lib/audit/schema.ts'
import { can } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { hrefWith, parseSearch, type SearchParams } from '#lib/web/search.ts'
import { loadAgent } from '../../load-agent.ts'
import { TimelineList } from '../timeline-list.tsx'

export const metadata: Metadata = { title: 'Activity' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

const pageSize = 50

/** Everything that happened to an agent but its calls, for everybody who may see the agent; the audit log itself is for fewer. */
export default async function AgentActivityPage({ params, searchParams }: Props) {
  const { ctx, agent } = await loadAgent((await params).id)
  const { before } = await parseSearch(timelineQuery.pick({ before: true }), searchParams)
  const found = await agentTimeline(ctx, { agentId: agent.id, before, limit: pageSize + 1 })
  const entries = found.slice(0, pageSize)
  const here = paths.agentActivity(agent.id)
  return (
    <Card
      title="Activity"
      description="Everything that happened to it since it was registered, newest first, without its calls."
      actions={
        can(ctx.actor, 'audit:read') && (
          <Link href={paths.agent(agent.id, 'audit')} className="text-[13px] text-accent hover:underline">
            With its calls
          </Link>
        )
      }
    >
      <TimelineList entries={entries} />
      <nav aria-label="Pages of the activity" className="mt-4 flex justify-between gap-2">
        {before === undefined ? (
          <span />
        ) : (
          <Button asChild size="sm">
            <Link href={here}>Newest</Link>
          </Button>
        )}
        {found.length > pageSize && (
          <Button asChild size="sm">
            <Link href={hrefWith(here, { before: entries.at(-1)?.seq })}>Older</Link>
          </Button>
        )}
      </nav>
    </Card>
  )
}
