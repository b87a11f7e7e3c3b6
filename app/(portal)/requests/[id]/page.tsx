import type { Metadata } from 'next'
import Link from 'next/link'
import { notFound } from 'next/navigation'
import { cache } from 'react'
import { z } from 'zod'
import { DataClassBadges, EnvironmentBadge, SensitivityBadge } from '#components/agents/agent-badges.tsx'
import { LimitsList } from '#components/scopes/limits-list.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { scopesTitle } from '#lib/registry/schema/capabilities.ts'
import { paths } from '#lib/core/paths.ts'
import { limitTexts } from '#lib/registry/schema/conditions.ts'
import { getScopeRequest } from '#lib/scopes/queries.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { AgentCard } from './agent-card.tsx'
import { BeforeCard } from './before-card.tsx'
import { DecisionCard } from './decision-card.tsx'
import { DecisionForm } from './decision-form.client.tsx'
import { HeldCard } from './held-card.tsx'
import { HistoryCard } from './history-card.tsx'
import { PeersCard } from './peers-card.tsx'
import { PolicyCard } from './policy-card.tsx'
import { PromptCard } from './prompt-card.tsx'
import { ReviseButton } from './revise-button.client.tsx'
import { SignalsCard } from './signals-card.tsx'
import { WhatChanges } from './what-changes.tsx'
import { WithdrawButton } from './withdraw-button.client.tsx'
import { decide, revise, withdraw } from './actions.ts'

type Props = { params: Promise<{ id: string }> }

const loadRequest = cache(async (id: string) => {
  if (!z.uuid().safeParse(id).success) notFound()
  return await orNotFound(getScopeRequest(await currentCtx(), id))
})

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const request = await loadRequest((await params).id)
  return { title: `${request.server.name}: ${scopesTitle(request)} for ${request.agent.name}` }
}

export default async function RequestPage({ params }: Props) {
  const ctx = await currentCtx()
  const { id } = await params
  const request = await loadRequest(id)
  const isOpen = request.state === 'pending' || request.state === 'changes_requested'
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.requests(), label: 'Scope requests' }]}
        title={`${request.server.name}: ${scopesTitle(request)}`}
        badges={<Status state={request.state} />}
        description={
          <>
            Asked for{' '}
            <Link href={paths.agent(request.agent.id)} className="text-accent underline underline-offset-2">
              {request.agent.name}
            </Link>{' '}
            by {request.requestedBy.name}, <Time value={request.createdAt} />.
          </>
        }
        actions={
          isOpen &&
          request.requestedBy.id === ctx.actor.id && (
            <>
              <ReviseButton request={request} revise={revise} />
              <WithdrawButton requestId={id} withdraw={withdraw} />
            </>
          )
        }
      />
      {request.state === 'changes_requested' && (
        <Notice kind="warn" className="mb-5" title="Changes are asked for">
          {request.decisionNote} It waits for {request.requestedBy.name}.
        </Notice>
      )}
      <div className="grid grid-cols-1 items-start gap-5 xl:grid-cols-[minmax(0,1fr)_24rem]">
        <div className="grid min-w-0 grid-cols-1 gap-5">
          <WhatChanges request={request} />
          <SignalsCard request={request} />
        </div>
        <div className="grid min-w-0 grid-cols-1 gap-5 xl:row-span-2">
          <Card title="The request">
            <Facts>
              <Fact label="Reason">{request.reason}</Fact>
              {request.ticket && <Fact label="Ticket">{request.ticket}</Fact>}
              {request.revision > 1 && <Fact label="Changed">{plural(request.revision - 1, 'time')}</Fact>}
              <Fact label="For">{request.days === null ? 'until revoked' : plural(request.days, 'day')}</Fact>
              <Fact label="Only when">
                {limitTexts(request).length === 0 ? (
                  'any arguments'
                ) : (
                  <LimitsList conditions={request.conditions} rate={request.rate} />
                )}
              </Fact>
              <Fact label="Where">
                <span className="flex flex-wrap gap-1">
                  <EnvironmentBadge environment={request.server.environment} />
                  <SensitivityBadge sensitivity={request.server.sensitivity} />
                  <DataClassBadges dataClasses={request.server.dataClasses} />
                </span>
              </Fact>
            </Facts>
          </Card>
          {request.state === 'pending' && (
            <Card title="Decide">
              <DecisionForm key={request.revision} request={request} decide={decide} />
            </Card>
          )}
          {!isOpen && <DecisionCard request={request} />}
          <PolicyCard request={request} now={ctx.now} />
          <HistoryCard request={request} />
        </div>
        <div className="grid min-w-0 grid-cols-1 gap-5">
          <PeersCard request={request} />
          <BeforeCard request={request} />
          <HeldCard request={request} />
          <AgentCard request={request} />
          <PromptCard request={request} />
        </div>
      </div>
    </>
  )
}
