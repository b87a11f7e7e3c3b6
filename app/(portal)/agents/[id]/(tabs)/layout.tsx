import type { Metadata } from 'next'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { DemoBadge, isOrphaned, OrphanBadge, TierBadge } from '#components/agents/agent-badges.tsx'
import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Status } from '#components/ui/status.tsx'
import { TabLinks } from '#components/ui/tab-links.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { type AgentTab, agentTabs, paths } from '#lib/core/paths.ts'
import type { AgentView } from '#lib/registry/schema.ts'
import { hrefWith } from '#lib/web/search.ts'
import { loadAgent } from '../load-agent.ts'
import { AgentActions } from './agent-actions.tsx'
import { CreationNotice } from './creation-notice.tsx'
import { OrphanNotice } from './orphan-notice.tsx'

type Params = Promise<{ id: string }>

export async function generateMetadata({ params }: { params: Params }): Promise<Metadata> {
  const { agent } = await loadAgent((await params).id)
  return { title: { default: agent.name, template: `%s · ${agent.name} · Wheelhouse` } }
}

export default async function AgentLayout({ params, children }: { params: Params; children: ReactNode }) {
  const { ctx, agent } = await loadAgent((await params).id)
  const counts: Partial<Record<AgentTab, number>> = { scopes: agent.access.length, versions: agent.versions.length }
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.agents(), label: 'Agents' }]}
        title={agent.name}
        description={agent.purpose}
        badges={
          <>
            <Status state={agent.status} />
            <TierBadge tier={agent.tier} />
            {isOrphaned(agent) && <OrphanBadge />}
            {agent.demo && <DemoBadge />}
          </>
        }
        actions={<AgentActions ctx={ctx} agent={agent} />}
      />
      <div className="-mt-2 mb-4 flex flex-wrap items-center gap-x-5 gap-y-1 text-[13px] text-muted-foreground">
        <span className="flex min-w-0 items-center">
          <code className="min-w-0 break-all">{agent.id}</code>
          <CopyButton text={agent.id} what="agent id" />
        </span>
        <span className="min-w-0">
          Owner{' '}
          <Link
            href={hrefWith(paths.agents(), { owner: agent.owner.id })}
            className="font-medium text-foreground underline decoration-dotted underline-offset-2"
          >
            {agent.owner.name}
          </Link>
          , accountable <strong className="font-medium text-foreground">{agent.accountable.name}</strong>
          {!agent.accountable.active && <span className="text-danger"> (deactivated)</span>}
        </span>
        <Review agent={agent} now={ctx.now} />
      </div>
      <CreationNotice ctx={ctx} agent={agent} />
      <OrphanNotice ctx={ctx} agent={agent} />
      {agent.statusReason && agent.status !== 'active' && (
        <Notice kind="warn" className="mb-4" title={agent.status === 'retired' ? 'Retired' : 'Suspended'}>
          <Time value={agent.statusChangedAt} />: {agent.statusReason}
        </Notice>
      )}
      <TabLinks
        label={`Parts of ${agent.name}`}
        tabs={agentTabs.map((tab) => ({
          href: paths.agent(agent.id, tab),
          label: tabLabels[tab],
          ...(counts[tab] === undefined ? {} : { count: counts[tab] }),
        }))}
      />
      {children}
    </>
  )
}

function Review({ agent, now }: { agent: AgentView; now: Date }) {
  const last = <Time value={agent.lastReviewedAt} fallback="never" />
  if (agent.status !== 'retired' && agent.nextReviewAt !== null && new Date(agent.nextReviewAt) < now) {
    return (
      <span>
        Last review {last}, <strong className="font-medium text-danger">overdue</strong>: it was due{' '}
        <Time value={agent.nextReviewAt} />
      </span>
    )
  }
  return (
    <span>
      Last review {last}, next <Time value={agent.nextReviewAt} fallback="not set" />
    </span>
  )
}

const tabLabels: Record<AgentTab, string> = {
  overview: 'Overview',
  scopes: 'Scopes',
  connections: 'Connections',
  runs: 'Runs',
  cost: 'Cost',
  versions: 'Versions',
  history: 'History',
  audit: 'Audit',
}
