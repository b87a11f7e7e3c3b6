import type { Metadata } from 'next'
import Link from 'next/link'
import { notFound } from 'next/navigation'
import { z } from 'zod'
import { LimitsList } from '#components/scopes/limits-list.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import { limitTexts } from '#lib/registry/schema/conditions.ts'
import { getScopeRequest } from '#lib/scopes/queries.ts'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { DecisionForm } from './decision-form.client.tsx'
import { PolicyCard } from './policy-card.tsx'
import { ReviseButton } from './revise-button.client.tsx'
import { WithdrawButton } from './withdraw-button.client.tsx'
import { decide, revise, withdraw } from './actions.ts'

export const metadata: Metadata = { title: 'Scope request' }

export default async function RequestPage({ params }: { params: Promise<{ id: string }> }) {
  const ctx = await currentCtx()
  const { id } = await params
  if (!z.uuid().safeParse(id).success) notFound()
  const request = await orNotFound(getScopeRequest(ctx, id))
  const isOpen = request.state === 'pending' || request.state === 'changes_requested'
  return (
    <>
      <PageHeader
        title={`${request.server.name}: ${request.toolName ?? request.class}`}
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
      <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1fr)_24rem]">
        <div className="space-y-5">
          <Card title="What changes">
            <BlastRadius request={request} />
          </Card>
          <Card title="What the agent holds now">
            {request.holds.length === 0 ? (
              <p className="text-sm text-muted-foreground">Nothing.</p>
            ) : (
              <ul className="flex flex-wrap gap-2">
                {request.holds.map((grant) => (
                  <li key={grant.id}>
                    <ScopeBadge
                      serverId={grant.serverId}
                      toolClass={grant.class}
                      toolName={grant.toolName}
                      environment={grant.environment}
                    />
                    <LimitsList conditions={grant.conditions} rate={grant.rate} />
                  </li>
                ))}
              </ul>
            )}
          </Card>
        </div>
        <div className="space-y-5">
          <Card title="The request">
            <Facts>
              <Fact label="Reason">{request.reason}</Fact>
              {request.ticket && <Fact label="Ticket">{request.ticket}</Fact>}
              {request.revision > 1 && <Fact label="Changed">{plural(request.revision - 1, 'time')}</Fact>}
              <Fact label="Only when">
                {limitTexts(request).length === 0 ? (
                  'any arguments'
                ) : (
                  <LimitsList conditions={request.conditions} rate={request.rate} />
                )}
              </Fact>
              <Fact label="For">{request.days === null ? 'until revoked' : plural(request.days, 'day')}</Fact>
              <Fact label="Owner">{request.agent.owner.name}</Fact>
              <Fact label="Tier">{request.agent.tier}</Fact>
              <Fact label="Environment">{request.server.environment}</Fact>
              <Fact label="Sensitivity">{request.server.sensitivity}</Fact>
              <Fact label="Peers">
                {request.peers.holding} of {request.peers.total} agents from {request.peers.templateId} hold it
              </Fact>
              <Fact label="Denials 30 d">{request.denials30d}</Fact>
            </Facts>
          </Card>
          <PolicyCard request={request} now={ctx.now} />
          {request.state === 'pending' ? (
            <Card title="Decide">
              <DecisionForm key={request.revision} request={request} decide={decide} />
            </Card>
          ) : request.state === 'changes_requested' ? null : (
            <Card title="Decision">
              <Facts>
                <Fact label={request.state}>
                  {request.decidedBy?.name ?? (request.state === 'approved' ? 'the approval policy' : 'the requester')}{' '}
                  · <Time value={request.decidedAt} />
                </Fact>
                {request.decisionNote && <Fact label="Note">{request.decisionNote}</Fact>}
              </Facts>
            </Card>
          )}
        </div>
      </div>
    </>
  )
}

function BlastRadius({ request }: { request: ScopeRequestView }) {
  const { reaches, server } = request
  if (reaches.length === 0) return <Notice>This scope reaches no tool that the agent cannot call already.</Notice>
  return (
    <div className="space-y-3">
      <p className="text-sm">
        {request.agent.name} could newly call {plural(reaches.length, 'tool')} on <strong>{server.name}</strong>, a{' '}
        <strong>{server.environment}</strong> server with <strong>{server.sensitivity}</strong> data:
      </p>
      <ul className="divide-y rounded-md border">
        {reaches.map((tool) => (
          <li key={tool.name} className="flex flex-wrap items-baseline gap-x-3 gap-y-1 px-3 py-2 text-sm">
            <span className="font-mono text-[13px] text-ok">+ {tool.name}</span>
            <ScopeBadge toolClass={tool.class} />
            <span className="text-muted-foreground">{tool.description}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}
