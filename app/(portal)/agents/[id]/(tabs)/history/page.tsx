import type { Metadata } from 'next'
import Link from 'next/link'
import { z } from 'zod'
import { AsOfForm, instantExample } from '#components/history/as-of-form.tsx'
import { FieldChanges, GrantChanges } from '#components/history/changes-table.tsx'
import { Card } from '#components/ui/card.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Input } from '#components/ui/input.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { exactTime } from '#components/ui/time.ts'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import type { Ctx } from '#lib/auth/ctx.ts'
import { timeText } from '#lib/core/instant.ts'
import { paths } from '#lib/core/paths.ts'
import { diffAgent, listAgentMoments } from '#lib/registry/queries.ts'
import type { AgentDiff, AgentMoment } from '#lib/registry/schema/history.ts'
import { type Unanswered, unanswered } from '#lib/web/asked-again.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { loadAgent } from '../../load-agent.ts'

export const metadata: Metadata = { title: 'History' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

const placeQuery = z.strictObject({ before: timeText().optional() })

/** When an agent changed, and what is different between two instants: the last change, unless the address says others. */
export default async function AgentHistoryPage({ params, searchParams }: Props) {
  const { ctx, agent } = await loadAgent((await params).id)
  const asked = await searchParams
  const here = paths.agent(agent.id, 'history')
  const search = await readListPage(placeQuery, searchParams, {
    list: (query) => listAgentMoments(ctx, { agentId: agent.id, cursor: query.before }),
    place: 'before',
  })
  if (!search.ok) return <UnreadableSearch problem={search.error} clearHref={here} />
  const { list, lost } = search.value
  const { items: moments, nextCursor } = list
  const from = asked['from'] ? String(asked['from']) : before(moments[0])
  const to = asked['to'] ? String(asked['to']) : undefined
  const found = from === undefined ? null : await read(ctx, { agentId: agent.id, from, to })
  return (
    <div className="grid gap-5 lg:grid-cols-[minmax(0,1fr)_18rem]">
      <div className="min-w-0">
        <FilterForm action={here} label="What has changed between two instants">
          <label className="col-span-2 flex items-center gap-2 text-[13px] whitespace-nowrap text-muted-foreground">
            From (UTC)
            <Input name="from" defaultValue={from} placeholder={instantExample} required className="w-56" />
          </label>
          <label className="col-span-2 flex items-center gap-2 text-[13px] whitespace-nowrap text-muted-foreground">
            to
            <Input name="to" defaultValue={to} placeholder="now" className="w-56" />
          </label>
        </FilterForm>
        {found && 'problem' in found && (
          <Notice kind="warn" title="There is nothing to compare">
            {found.problem}
          </Notice>
        )}
        {found && 'diff' in found && <Difference diff={found.diff} />}
      </div>
      <div className="grid content-start gap-5">
        <Card title="As of an instant">
          <AsOfForm action={paths.agentPast(agent.id)} />
        </Card>
        <LostPlace lost={lost} />
        <Card title="Changes" description="Of the entry and its grants, the newest first." flush>
          <ol className="divide-y">
            {moments.map((moment, at) => (
              <Moment key={moment.at} moment={moment} agentId={agent.id} earlier={moments[at + 1]} />
            ))}
          </ol>
          {nextCursor && (
            <p className="border-t px-4 py-2 text-[13px]">
              <Link href={hrefWith(here, { before: nextCursor })} className="text-accent hover:underline">
                Earlier changes
              </Link>
            </p>
          )}
        </Card>
      </div>
    </div>
  )
}

function Moment({
  moment,
  agentId,
  earlier,
}: {
  moment: AgentMoment
  agentId: string
  earlier: AgentMoment | undefined
}) {
  const what = [moment.entry && 'entry', moment.grants && 'grants'].filter(Boolean).join(' and ')
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-3 gap-y-1 px-4 py-2 text-[13px]">
      <span>
        <Time value={moment.at} /> <span className="text-muted-foreground">{what}</span>
      </span>
      <span className="flex gap-3">
        <Link href={paths.agentPast(agentId, moment.at)} className="text-accent hover:underline">
          As of<span className="sr-only"> {exactTime(new Date(moment.at))}</span>
        </Link>
        {earlier && (
          <Link
            href={hrefWith(paths.agent(agentId, 'history'), { from: earlier.at, to: moment.at })}
            className="text-accent hover:underline"
          >
            What changed<span className="sr-only"> at {exactTime(new Date(moment.at))}</span>
          </Link>
        )}
      </span>
    </li>
  )
}

function Difference({ diff }: { diff: AgentDiff }) {
  const nothing = diff.fields.length === 0 && diff.grants.length === 0
  return (
    <div className="grid gap-4">
      <p className="text-muted-foreground">
        From {exactTime(new Date(diff.from.at))} to {exactTime(new Date(diff.to.at))}
        {diff.presence === 'appeared' && ': it was registered in between'}.
      </p>
      {nothing && <EmptyState title="Nothing is different">Its entry and what it could reach are the same.</EmptyState>}
      {diff.fields.length > 0 && <FieldChanges caption="Changes of the entry" fields={diff.fields} />}
      {diff.grants.length > 0 && <GrantChanges caption="Changes of grants" grants={diff.grants} />}
    </div>
  )
}

async function read(
  ctx: Ctx,
  asked: { agentId: string; from: string; to: string | undefined },
): Promise<{ diff: AgentDiff } | Unanswered> {
  try {
    return { diff: await diffAgent(ctx, asked) }
  } catch (error) {
    return unanswered(error)
  }
}

/** The millisecond before a change, so that the change is what differs. */
function before(moment: AgentMoment | undefined): string | undefined {
  return moment && new Date(new Date(moment.at).getTime() - 1).toISOString()
}
