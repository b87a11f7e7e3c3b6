import type { Metadata } from 'next'
import { OctagonX } from 'lucide-react'
import { StopButton } from '#components/stops/stop-button.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { plural } from '#components/ui/count.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { RefreshWhile } from '#components/ui/refresh-while.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { listStops, openStops } from '#lib/killswitch/queries.ts'
import { needsTwo } from '#lib/killswitch/rules.ts'
import type { StopOrderView } from '#lib/killswitch/schema.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { withdrawReleaseAction } from './actions.ts'
import { ResumeButton, type ResumeStep } from './resume-button.client.tsx'

export const metadata: Metadata = { title: 'Kill switch' }

export default async function KillPage() {
  const ctx = await currentCtx()
  // All that is in force, however long ago it was ordered; of the past the latest.
  const open = (await openStops(ctx)).toReversed()
  const past = await listStops(ctx, { open: false, limit: 100 })
  const whyNotOrder = can(ctx.actor, 'stops:order')
    ? null
    : `Ordering a stop needs the role ${rolesWith('stops:order').map(roleLabel).join(', ')}.`
  const whyNotRelease = can(ctx.actor, 'stops:release')
    ? null
    : `Resuming needs the role ${rolesWith('stops:release').map(roleLabel).join(', ')}.`
  return (
    <>
      <PageHeader
        title="Kill switch"
        description="A stop refuses launches and broker calls, ends sandboxes and interrupts sessions. It stays in force until somebody resumes; that of the whole organization two people end."
        actions={<StopButton whyNot={whyNotOrder} />}
      />
      <RefreshWhile
        active={open.some((order) => order.openRuns > 0 || order.tasks.open > 0 || silent(order).length > 0)}
      />
      <Card title="In force" className="mb-5">
        {open.length === 0 ? (
          <EmptyState title="Nothing is stopped">
            When the portal is down, <code>wheelhouse kill</code> on the server’s machine does the same.
          </EmptyState>
        ) : (
          <ul className="divide-y">
            {open.map((order) => (
              <Order key={order.id} order={order} personId={ctx.actor.id} whyNotRelease={whyNotRelease} />
            ))}
          </ul>
        )}
      </Card>
      <Card title="History">
        {past.length === 0 ? (
          <p className="text-sm text-muted-foreground">No stop has been ordered and released yet.</p>
        ) : (
          <ul className="divide-y">
            {past.map((order) => (
              <Order key={order.id} order={order} personId={ctx.actor.id} whyNotRelease={null} />
            ))}
          </ul>
        )}
      </Card>
    </>
  )
}

type OrderProps = { order: StopOrderView; personId: string; whyNotRelease: string | null }

function Order({ order, personId, whyNotRelease }: OrderProps) {
  const name = order.scope === 'organization' ? 'The whole organization' : `${order.targetName} (${order.scope})`
  return (
    <li className="space-y-2 py-4 first:pt-0 last:pb-0">
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <h3 className="flex flex-wrap items-center gap-2 font-medium">
            <OctagonX aria-hidden className="size-4 shrink-0 text-danger" />
            <span className="min-w-0">{name}</span>
            {order.openRuns > 0 && <Badge tone="warn">stopping: {plural(order.openRuns, 'run')} not yet proven</Badge>}
          </h3>
          <p className="mt-1 text-sm break-words">{order.reason}</p>
          <p className="text-[13px] text-muted-foreground">
            {order.orderedBy.name} · <Time value={order.orderedAt} /> · {plural(order.stoppedRuns, 'run')} stopped
            {order.tasks.over > 0 && ` · ${plural(order.tasks.over, 'task')} at servers over`}
          </p>
          {order.releaseAsked && (
            <p className="text-[13px] text-muted-foreground">
              {order.releaseAsked.by.name} asked to resume · <Time value={order.releaseAsked.at} /> ·{' '}
              {order.releaseAsked.reason}
              {!order.releasedAt &&
                (order.releaseAsked.until === null
                  ? ' · Nobody confirmed it within an hour.'
                  : ' · Waits for a second person.')}
            </p>
          )}
          {order.releasedAt && (
            <p className="text-[13px] text-muted-foreground">
              Resumed by {order.releasedBy?.name} · <Time value={order.releasedAt} /> · {order.releaseReason}
            </p>
          )}
        </div>
        {!order.releasedAt && (
          <span className="flex flex-wrap gap-2">
            {order.releaseAsked?.until && order.releaseAsked.by.id === personId && (
              <ConfirmButton
                label="Take back"
                object="that you asked to resume"
                title="Let everything stay stopped"
                description="You asked to resume, and nobody else has confirmed it. It stays stopped as if you had not."
                confirm="Take it back"
                action={withdrawReleaseAction}
                input={{ orderId: order.id }}
                whyNot={whyNotRelease}
                said="It stays stopped."
              />
            )}
            <ResumeButton
              orderId={order.id}
              name={order.scope === 'organization' ? 'the whole organization' : name}
              typeToConfirm={order.scope === 'organization' ? 'resume everything' : `resume ${order.targetId}`}
              resume={resumeStepOf(order)}
              whyNot={whyNotRelease ?? whyNotAgain(order, personId)}
            />
          </span>
        )}
      </div>
      <OpenTasks tasks={order.tasks} />
      <ul className="flex flex-wrap gap-2" aria-label="Acknowledgements">
        {order.acks.map((ack) => (
          <li key={`${ack.process}-${ack.instance}`}>
            <Badge tone={survivorsOf(ack) > 0 ? 'danger' : 'ok'} title={JSON.stringify(ack.detail)}>
              {ack.process} after {Date.parse(ack.at) - Date.parse(order.orderedAt)} ms
              {survivorsOf(ack) > 0 && `, ${plural(survivorsOf(ack), 'process', 'processes')} still alive`}
            </Badge>
          </li>
        ))}
        {!order.releasedAt &&
          silent(order).map((process) => (
            <li key={process}>
              <Badge tone="warn">{process}: no answer yet</Badge>
            </li>
          ))}
      </ul>
    </li>
  )
}

function resumeStepOf({ scope, releaseAsked }: StopOrderView): ResumeStep {
  if (!needsTwo(scope)) return { step: 'end' }
  if (!releaseAsked?.until) return { step: 'ask' }
  return { step: 'confirm', askedBy: releaseAsked.by.name, reason: releaseAsked.reason }
}

function whyNotAgain({ releaseAsked }: StopOrderView, personId: string): string | null {
  return releaseAsked?.until && releaseAsked.by.id === personId
    ? 'You asked for it; somebody else has to confirm it within an hour.'
    : null
}

/** What was begun at servers and goes on there, as far as they say: brokers cancel it, and who is on call can have to. */
function OpenTasks({ tasks: { open, named } }: { tasks: StopOrderView['tasks'] }) {
  if (open === 0) return null
  return (
    <p className="text-sm">
      <Badge tone="warn">{plural(open, 'task')} at servers not yet proven over</Badge>{' '}
      <span className="break-words text-muted-foreground">
        {named.map(({ agentId, serverId, tool }) => `${serverId}/${tool} of ${agentId}`).join(', ')}
        {open > named.length && ' and more'}
      </span>
    </p>
  )
}

/** Who has to say of every order that it is carried out. */
const enforcers = ['broker', 'sandbox', 'worker']

function silent(order: StopOrderView): string[] {
  return enforcers.filter((process) => !order.acks.some((ack) => ack.process === process))
}

/** Sandbox processes that were not gone when the order was acknowledged. */
function survivorsOf({ detail }: StopOrderView['acks'][number]): number {
  const { survivors } = detail
  return Array.isArray(survivors) ? survivors.length : 0
}
