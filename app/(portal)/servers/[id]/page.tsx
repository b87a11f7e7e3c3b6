import type { Metadata } from 'next'
import { cache } from 'react'
import { z } from 'zod'
import { DataClassBadges, DemoBadge, EnvironmentBadge, SensitivityBadge } from '#components/agents/agent-badges.tsx'
import { PackageFacts } from '#components/servers/package-facts.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { plural } from '#components/ui/count.ts'
import { DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { StopButton } from '#components/stops/stop-button.client.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Pager } from '#components/ui/pager.tsx'
import { Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import {
  getServer,
  listServerApprovers,
  listServerHealth,
  listServerHolders,
  listTeams,
} from '#lib/registry/queries.ts'
import { serverRevision } from '#lib/registry/queries/revisions.ts'
import { changeableServer } from '#lib/registry/rules/server-change.ts'
import { probeFindingKinds } from '#lib/registry/schema/probes.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { serverTrafficQuery } from '#lib/metrics/schema/traffic.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, parseSearch, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { Approver } from './approver.client.tsx'
import { AvailabilitySwitch, DisabledNotice } from './availability.tsx'
import { BesidesToolsCard } from './besides-tools-card.tsx'
import { DataClasses } from './data-classes.client.tsx'
import { EditServer } from './edit-server.client.tsx'
import { Loosenings } from './loosenings.tsx'
import { movedServer } from './move-facts.tsx'
import { MoveVersion } from './move-version.client.tsx'
import { Health } from './health.tsx'
import { LeftOutTools, Listed } from './listing.tsx'
import { holderColumnsOf } from './holder-columns.tsx'
import { GuardsCard } from './guards-card.tsx'
import { AuthorizationOutcome, Credentials } from './credentials.tsx'
import { PricesCard } from './prices-card.tsx'
import { ProcessesCard } from './processes-card.tsx'
import { toolColumnsOf } from './tool-columns.tsx'
import { TrafficCard } from './traffic-card.tsx'
import { BulkApproval } from './bulk-approval.client.tsx'

type PageProps = { params: Promise<{ id: string }>; searchParams: SearchParams }

const loadServer = cache(async (id: string) => {
  const ctx = await currentCtx()
  // Read first: a change in between is then one that the page has not shown.
  const revision = (await serverRevision(ctx.db, id, false)) ?? ''
  return { revision, server: await orNotFound(getServer(ctx, id)) }
})

export async function generateMetadata({ params }: PageProps): Promise<Metadata> {
  return { title: (await loadServer((await params).id)).server.name }
}

/** Where the page of who holds what begins. */
const holdersQuery = z.strictObject({ holders: z.string().max(100).optional() })

export default async function ServerPage({ params, searchParams }: PageProps) {
  const ctx = await currentCtx()
  const { server, revision } = await loadServer((await params).id)
  const health = await listServerHealth(ctx, server.id)
  const waiting = server.toolList.filter(
    ({ state, verdict, rejected }) => state === 'quarantined' && verdict === 'new' && !rejected,
  )
  const lowered = server.toolList.filter((tool) => tool.lowered)
  const manageProblem = whyNot(ctx.actor, 'servers:manage')
  const { hours } = await parseSearch(serverTrafficQuery.pick({ hours: true }), searchParams)
  const search = await readListPage(holdersQuery, searchParams, {
    list: (query) => listServerHolders(ctx, { serverId: server.id, cursor: query.holders }),
    place: 'holders',
  })
  if (!search.ok)
    return <UnreadableSearch title={server.name} problem={search.error} clearHref={paths.server(server.id)} />
  const { query, list: holders, lost } = search.value
  const cursor = query.holders
  const reference = server.command?.package
  const moved = movedServer(server)
  const here = (at?: string) => `${hrefWith(paths.server(server.id), { hours, holders: at })}#holders`
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.servers(), label: 'MCP servers' }]}
        title={server.name}
        description={server.description}
        badges={
          <>
            <Status state={server.status} />
            <EnvironmentBadge environment={server.environment} />
            <SensitivityBadge sensitivity={server.sensitivity} />
            <DataClassBadges dataClasses={server.dataClasses} />
            {server.demo && <DemoBadge />}
          </>
        }
        actions={
          <>
            <AvailabilitySwitch server={server} whyNot={manageProblem} />
            <StopButton label="Stop server" target={{ scope: 'server', id: server.id, name: server.name }} />
          </>
        }
      />
      <DisabledNotice ctx={ctx} server={server} whyNot={manageProblem} />
      <AuthorizationOutcome outcome={(await searchParams).authorized} />
      {server.tools.quarantined > 0 && (
        <Notice kind="warn" className="mb-5" title={`${plural(server.tools.quarantined, 'tool')} to review`}>
          New and changed tools are quarantined: no agent sees them until somebody has read and approved them.
          {server.approver && ` ${server.approver.name} is asked.`}
        </Notice>
      )}
      <Loosenings loosenings={server.loosenings} personId={ctx.actor.id} whyNot={manageProblem} />
      {lowered.length > 0 && (
        <Notice kind="warn" className="mb-5" title={`${plural(lowered.length, 'tool')} classed lower than declared`}>
          {lowered.map(({ name }) => name).join(', ')}: somebody here said that less can happen than the server says, or
          leaves open.
        </Notice>
      )}
      <div className="grid grid-cols-1 gap-5">
        <Card
          title="Connection"
          actions={
            <>
              <EditServer server={changeableServer(server)} revision={revision} whyNot={manageProblem} />
              {moved && <MoveVersion server={moved} revision={revision} whyNot={manageProblem} />}
            </>
          }
        >
          <Facts>
            <Fact label="Id">
              <code>{server.id}</code>
            </Fact>
            <Fact label={server.command ? 'Program' : 'Address'}>
              <code className="break-all">
                {server.command ? [server.command.command, ...server.command.args].join(' ') : server.url}
              </code>
            </Fact>
            {reference && (
              <PackageFacts
                package={reference}
                facts={server.packageFetch}
                fetchedAt={server.packageFetch?.fetchedAt}
              />
            )}
            <Fact label="Kinds of data">
              <DataClasses serverId={server.id} dataClasses={server.dataClasses} whyNot={manageProblem} />
            </Fact>
            <Fact label="Health">
              <Health brokers={health} server={server} now={ctx.now} />
            </Fact>
            <Fact label="Tools listed">
              <Listed listing={server.listing} />
            </Fact>
            <Fact label="Asked about its tools">
              <Approver
                serverId={server.id}
                approver={server.approver}
                people={manageProblem === null ? await listServerApprovers(ctx) : []}
                whyNot={manageProblem}
              />
            </Fact>
            {server.accepted.length > 0 && (
              <Fact label="Accepted">
                <ul className="space-y-1">
                  {server.accepted.map(({ finding, byName, at }) => (
                    <li key={finding}>
                      <Badge tone="warn">{probeFindingKinds[finding].title}</Badge> by {byName} <Time value={at} />
                      <span className="block text-[13px] text-muted-foreground">{probeFindingKinds[finding].says}</span>
                    </li>
                  ))}
                </ul>
              </Fact>
            )}
          </Facts>
        </Card>
        <TrafficCard ctx={ctx} server={server} hours={hours} />
        <ProcessesCard ctx={ctx} serverId={server.id} />
        <GuardsCard ctx={ctx} serverId={server.id} />
        <PricesCard ctx={ctx} serverId={server.id} />
        <Credentials
          server={server}
          teams={(await listTeams(ctx)).map(({ id, name }) => ({ id, name }))}
          whyNot={manageProblem}
          now={ctx.now}
        />
        <section>
          <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
            <h2 className="text-sm font-semibold">Tools</h2>
            {waiting.length > 0 && <BulkApproval server={server} tools={waiting} whyNot={manageProblem} />}
          </div>
          <LeftOutTools listing={server.listing} />
          <DataTable
            caption={`Tools of ${server.name}`}
            columns={toolColumnsOf(server.id)}
            rows={server.toolList}
            rowKey={(tool) => tool.name}
            empty={
              <EmptyState title="No tools are known">
                {server.listing?.problem
                  ? `They cannot be listed: ${server.listing.problem.message}.`
                  : 'The broker lists them when it first reaches the server.'}
              </EmptyState>
            }
          />
        </section>
        {server.removedTotal > 0 && (
          <section>
            <h2 id="removed" className="mb-2 scroll-mt-20 text-sm font-semibold">
              No longer listed
            </h2>
            <DataTable
              caption={`Tools that ${server.name} no longer lists`}
              columns={toolColumnsOf(server.id)}
              rows={server.removedTools}
              rowKey={(tool) => tool.name}
              empty={null}
            />
            {server.removedTotal > server.removedTools.length && (
              <p className="mt-2 text-[13px] text-muted-foreground">
                The last ones; {server.removedTotal - server.removedTools.length} more are listed by{' '}
                <code>wheelhouse servers removed {server.id}</code>.
              </p>
            )}
          </section>
        )}
        <BesidesToolsCard server={server} />
        <section>
          <h2 id="holders" className="mb-2 scroll-mt-20 text-sm font-semibold">
            Who holds what
          </h2>
          <LostPlace lost={lost} />
          <DataTable
            caption={`Grants on ${server.name}`}
            columns={holderColumnsOf(server, ctx.actor)}
            rows={holders.items}
            rowKey={(holder) => holder.grantId}
            empty={
              <EmptyState title="No agent holds a grant here">Teams request scopes on their agent’s page.</EmptyState>
            }
          />
          {(cursor !== undefined || holders.nextCursor !== null) && (
            <Pager
              total={holders.total}
              noun="grant"
              prevHref={cursor === undefined ? null : here()}
              nextHref={holders.nextCursor && here(holders.nextCursor)}
            />
          )}
        </section>
      </div>
    </>
  )
}
