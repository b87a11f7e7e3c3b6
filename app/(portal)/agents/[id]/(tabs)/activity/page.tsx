import type { Metadata } from 'next'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { agentTimeline } from '#lib/audit/queries.ts'
import { timelineQuery } from '#lib/audit/schema.ts'
import { can } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { loadAgent } from '../../load-agent.ts'
import { TimelineList } from '../timeline-list.tsx'

export const metadata: Metadata = { title: 'Activity' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

const pageSize = 50

/** Everything that happened to an agent but its calls, for everybody who may see the agent; the audit log itself is for fewer. */
export default async function AgentActivityPage({ params, searchParams }: Props) {
  const { ctx, agent } = await loadAgent((await params).id)
  const here = paths.agentActivity(agent.id)
  const search = await readListPage(timelineQuery.pick({ before: true }), searchParams, {
    list: ({ before }) => agentTimeline(ctx, { agentId: agent.id, before, limit: pageSize + 1 }),
    place: 'before',
  })
  if (!search.ok) return <UnreadableSearch problem={search.error} clearHref={here} />
  const { query, list: found, lost } = search.value
  const { before } = query
  const entries = found.slice(0, pageSize)
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
      <LostPlace lost={lost} />
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
