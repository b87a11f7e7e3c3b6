import type { Metadata } from 'next'
import Link from 'next/link'
import type { z } from 'zod'
import { instantExample } from '#components/history/as-of-form.tsx'
import { valueText } from '#components/history/value-text.ts'
import { formatCount } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Input } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { exactTime } from '#components/ui/time.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { diffAgents } from '#lib/registry/queries.ts'
import {
  agentDiffQuery,
  type AgentListDiff,
  type AgentRef,
  type FieldChange,
  type ReachChange,
  type ReachPart,
} from '#lib/registry/schema/history.ts'
import { type Unanswered, unanswered } from '#lib/web/asked-again.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith, parseSearch, readSearch, type SearchParams } from '#lib/web/search.ts'

export const metadata: Metadata = { title: 'What has changed' }

const pageQuery = agentDiffQuery.partial({ from: true })

/** How the answer to a query differs between two instants. */
export default async function AgentsDiffPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readSearch(pageQuery, searchParams)
  const asked = search.ok ? search.value : await parseSearch(pageQuery, searchParams)
  const { q, from, to } = asked
  const found = search.ok ? await read(ctx, asked) : { problem: search.error }
  return (
    <>
      <PageHeader
        crumbs={[{ href: hrefWith(paths.agents(), { q }), label: 'Agents' }]}
        title="What has changed"
        description="Which agents came, went or changed among those that match, and who gained or lost reach, between two instants."
      />
      <FilterForm action={paths.agentsDiff()} label="Two instants and a query">
        <Input
          name="q"
          defaultValue={q}
          placeholder="can:write env:production"
          aria-label="Query"
          className="col-span-2 sm:max-w-80"
        />
        <label className="col-span-2 flex items-center gap-2 text-[13px] whitespace-nowrap text-muted-foreground max-sm:grid max-sm:grid-cols-[5rem_minmax(0,1fr)]">
          From (UTC)
          <Input name="from" defaultValue={from} placeholder={instantExample} required className="sm:w-56" />
        </label>
        <label className="col-span-2 flex items-center gap-2 text-[13px] whitespace-nowrap text-muted-foreground max-sm:grid max-sm:grid-cols-[5rem_minmax(0,1fr)]">
          To (UTC)
          <Input name="to" defaultValue={to} placeholder="now" className="sm:w-56" />
        </label>
      </FilterForm>
      {found && 'problem' in found && (
        <Notice kind="warn" title="There is nothing to compare">
          {found.problem}
        </Notice>
      )}
      {found && 'diff' in found && <Difference diff={found.diff} />}
    </>
  )
}

type Row = { id: string; name: string; change: string; fields: readonly FieldChange[] }

function Difference({ diff }: { diff: AgentListDiff }) {
  const rows: Row[] = [
    ...diff.appeared.map((agent) => ({ ...agent, change: 'came', fields: [] })),
    ...diff.left.map((agent) => ({ ...agent, change: 'went', fields: [] })),
    ...diff.changed.map((agent) => ({ ...agent, change: 'changed' })),
  ]
  const more = diff.more.appeared + diff.more.left + diff.more.changed
  return (
    <>
      <p className="mb-3 text-muted-foreground">
        {formatCount(diff.total.from)} matched at {exactTime(new Date(diff.from.at))}, {formatCount(diff.total.to)} at{' '}
        {exactTime(new Date(diff.to.at))}.
      </p>
      <DataTable
        caption="Agents that differ"
        columns={columns}
        rows={rows}
        rowKey={(row) => row.id}
        empty={
          <EmptyState title="Nothing is different">The same agents matched, and their rows say the same.</EmptyState>
        }
      />
      {more > 0 && <p className="mt-2 text-[13px] text-muted-foreground">{formatCount(more)} more are not shown.</p>}
      <h2 className="mt-6 mb-2 text-sm font-semibold">Who gained or lost reach</h2>
      <Reach changes={diff.reach} more={diff.more.reach} />
    </>
  )
}

function Reach({ changes, more }: { changes: readonly ReachChange[] | null; more: number }) {
  if (!changes) {
    return (
      <Notice kind="warn" title="What was within reach is not known">
        Which central policies were enforced at one of the instants, or what they kept out of reach, is not on record.
      </Notice>
    )
  }
  return (
    <>
      <DataTable
        caption="Agents that gained or lost reach"
        columns={reachColumns}
        rows={changes}
        rowKey={(row) => row.id}
        empty={
          <EmptyState title="Nobody gained or lost reach">Every agent that matches reaches what it did.</EmptyState>
        }
      />
      {more > 0 && <p className="mt-2 text-[13px] text-muted-foreground">{formatCount(more)} more are not shown.</p>}
    </>
  )
}

const columns: readonly Column<Row>[] = [
  { id: 'agent', header: 'Agent', cell: (row) => <AgentName {...row} /> },
  { id: 'change', header: 'Change', cell: ({ change }) => change },
  {
    id: 'fields',
    header: 'What',
    cell: ({ fields }) =>
      fields.map(({ field, before, after }) => (
        <span key={field} className="block break-words">
          {field}: {valueText(before, field)} → {valueText(after, field)}
        </span>
      )),
  },
]

const reachColumns: readonly Column<ReachChange>[] = [
  { id: 'agent', header: 'Agent', cell: (row) => <AgentName {...row} /> },
  { id: 'gained', header: 'Gained', cell: ({ gained }) => <Parts parts={gained} /> },
  { id: 'lost', header: 'Lost', cell: ({ lost }) => <Parts parts={lost} /> },
]

function AgentName({ id, name }: AgentRef) {
  return (
    <>
      <Link prefetch={false} href={paths.agent(id)} className="font-medium text-accent hover:underline">
        {name}
      </Link>
      <code className="block text-xs text-muted-foreground">{id}</code>
    </>
  )
}

function Parts({ parts }: { parts: readonly ReachPart[] }) {
  if (parts.length === 0) return <span className="text-muted-foreground">nothing</span>
  return (
    <span className="flex flex-wrap gap-1">
      {parts.map(({ serverId, class: of }) => (
        <ScopeBadge key={`${serverId} ${of}`} serverId={serverId} toolClass={of} />
      ))}
    </span>
  )
}

async function read(
  ctx: Ctx,
  { from, ...asked }: z.infer<typeof pageQuery>,
): Promise<{ diff: AgentListDiff } | Unanswered | null> {
  if (from === undefined) return null
  try {
    return { diff: await diffAgents(ctx, { ...asked, from }) }
  } catch (error) {
    return unanswered(error)
  }
}
