import type { Metadata } from 'next'
import Link from 'next/link'
import { EscalationText } from '#components/escalations/escalation-text.tsx'
import { escalationWords } from '#components/escalations/escalation-words.ts'
import { ResolveButton } from '#components/escalations/resolve-button.client.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Pager } from '#components/ui/pager.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { listEscalations } from '#lib/harness/queries.ts'
import { escalationKinds, escalationListQuery, type EscalationView } from '#lib/harness/schema.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'

export const metadata: Metadata = { title: 'Escalations' }

export default async function EscalationsPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readListPage(escalationListQuery, searchParams, { list: (query) => listEscalations(ctx, query) })
  if (!search.ok) return <UnreadableSearch title="Escalations" problem={search.error} clearHref={paths.escalations()} />
  const { query, list: escalations, lost } = search.value
  // The command asks for the team too; a list over all teams cannot know it beforehand.
  const whyNotResolve = whyNot(ctx.actor, 'escalations:resolve')
  return (
    <>
      <PageHeader
        title="Escalations"
        description="What agents brought to a person: what they found, and the calls they were refused."
      />
      <FilterForm action={paths.escalations()} label="Filter escalations">
        <Input
          name="agent"
          defaultValue={query.agent}
          placeholder="Agent id"
          aria-label="Agent id"
          className="col-span-2 w-full sm:w-64"
        />
        <Select
          name="open"
          defaultValue={query.open === undefined ? '' : String(query.open)}
          aria-label="State"
          className="w-full sm:w-48"
        >
          <option value="">Open and resolved</option>
          <option value="true">open</option>
          <option value="false">resolved</option>
        </Select>
        <Select name="kind" defaultValue={query.kind ?? ''} aria-label="Kind" className="w-full sm:w-40">
          <option value="">Any kind</option>
          {escalationKinds.map((kind) => (
            <option key={kind} value={kind}>
              {escalationWords[kind]}
            </option>
          ))}
        </Select>
      </FilterForm>
      <LostPlace lost={lost} />
      <DataTable
        caption="Escalations"
        columns={[...columns, resolveColumn(whyNotResolve)]}
        rows={escalations.items}
        rowKey={(escalation) => escalation.id}
        empty={
          <EmptyState title="No escalation matches">
            Agents escalate in their runs; change the filter to see those that are resolved.
          </EmptyState>
        }
      />
      <Pager
        total={escalations.total}
        noun="escalation"
        prevHref={query.cursor ? hrefWith(paths.escalations(), { ...query, cursor: undefined }) : null}
        nextHref={
          escalations.nextCursor ? hrefWith(paths.escalations(), { ...query, cursor: escalations.nextCursor }) : null
        }
      />
    </>
  )
}

const columns: readonly Column<EscalationView>[] = [
  {
    id: 'what',
    header: 'What',
    cell: (escalation) => (
      <div className="max-w-2xl">
        <EscalationText escalation={escalation} />
      </div>
    ),
  },
  {
    id: 'agent',
    header: 'Agent',
    wide: true,
    cell: (escalation) => (
      <Link href={paths.agent(escalation.agentId)} className="text-accent hover:underline">
        {escalation.agentName}
      </Link>
    ),
  },
  {
    id: 'run',
    header: 'Run',
    cell: (escalation) => (
      <Link href={paths.run(escalation.runId)} className="text-accent hover:underline">
        <Time value={escalation.createdAt} />
      </Link>
    ),
  },
]

function resolveColumn(whyNotResolve: string | null): Column<EscalationView> {
  return {
    id: 'resolve',
    header: <span className="sr-only">Resolve</span>,
    cell: (escalation) => <ResolveButton escalation={escalation} whyNot={whyNotResolve} />,
  }
}
