'use client'

import Link from 'next/link'
import { useState } from 'react'
import { ProposalText } from '#components/reviews/proposal-text.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { plural } from '#components/ui/count.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { scopeTitle } from '#lib/registry/schema/capabilities.ts'
import { paths } from '#lib/core/paths.ts'
import type { ReviewCampaignView, ReviewDecision, ReviewItemView } from '#lib/lifecycle/schema/reviews.ts'
import { decide } from './actions.ts'

type Pending = Record<string, ReviewDecision>

/** The grants of a campaign by agent: chosen first, then submitted together with a reason. */
export function ReviewItems({ campaign }: { campaign: ReviewCampaignView }) {
  const [pending, setPending] = useState<Pending>({})
  const [reason, setReason] = useState('')
  const [refused, setRefused] = useState<string[]>([])
  const names = new Map(campaign.items.map((item) => [item.id, `${item.agent.name}, ${item.server.name}`]))
  // In whose place, where it may be decided in nobody's own.
  const absent = new Map(
    campaign.items.map(({ id, standsInFor: [first] }) => [id, first ? { forPersonId: first.person.id } : {}]),
  )
  const action = useAction(decide, (outcome) => {
    if (outcome.decided > 0) toast.success(`${plural(outcome.decided, 'grant')} decided.`)
    setRefused(outcome.refused.map(({ itemId, message }) => `${names.get(itemId) ?? itemId}: ${message}`))
    setPending({})
    setReason('')
  })
  if (campaign.items.length === 0) return <EmptyState title="Nothing here">Nothing of it is left to decide.</EmptyState>
  const chosen = Object.entries(pending)
  const agents = [...Map.groupBy(campaign.items, ({ agent }) => agent.id).values()]
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        const decisions = chosen.map(([itemId, decision]) => ({ itemId, ...absent.get(itemId), decision, reason }))
        action.run({ campaignId: campaign.id, decisions })
      }}
    >
      {agents.map((items) => (
        <AgentItems
          key={items[0]!.agent.id}
          items={items}
          pending={pending}
          onChoose={(id, decision) =>
            setPending((before) => {
              const { [id]: _, ...rest } = before
              return decision === null ? rest : { ...rest, [id]: decision }
            })
          }
        />
      ))}
      {refused.length > 0 && (
        <Notice kind="warn" title="Some were not decided">
          <ul>
            {refused.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </Notice>
      )}
      {chosen.length > 0 && (
        <div className="sticky bottom-0 grid gap-3 rounded-lg border bg-raised p-4 shadow-lg sm:grid-cols-[minmax(0,1fr)_auto] sm:items-end">
          <Field label={`Why, for ${plural(chosen.length, 'decision')}`} required error={reasonError(action.failed)}>
            <Input value={reason} onChange={(event) => setReason(event.target.value)} maxLength={1000} />
          </Field>
          <ActionButton type="submit" variant="primary" pending={action.pending}>
            Submit {plural(chosen.length, 'decision')}
          </ActionButton>
          {action.failed && !reasonError(action.failed) && (
            <Notice kind="danger" requestId={action.failed.requestId} className="sm:col-span-2">
              {action.failed.message}
            </Notice>
          )}
        </div>
      )}
    </form>
  )
}

/** The reason is the same for all of them. */
function reasonError(failed: { fields: Record<string, string[]> } | null): string | undefined {
  return Object.entries(failed?.fields ?? {}).find(([field]) => field.endsWith('reason'))?.[1][0]
}

function AgentItems({
  items,
  pending,
  onChoose,
}: {
  items: ReviewItemView[]
  pending: Pending
  onChoose: (id: string, decision: ReviewDecision | null) => void
}) {
  const { agent, owner, accountable } = items[0]!
  // What is new and what could be less comes first: the rest is as it was.
  const ordered = items.toSorted((a, b) => weight(b) - weight(a))
  return (
    <section className="rounded-lg border bg-raised">
      <h2 className="flex flex-wrap items-baseline gap-x-2 border-b px-4 py-3 text-sm font-semibold">
        <Link href={paths.agent(agent.id, 'scopes')} className="text-accent hover:underline">
          {agent.name}
        </Link>
        <span className="font-normal text-muted-foreground">
          {owner.name}, {accountable.name}
        </span>
      </h2>
      <ul className="divide-y">
        {ordered.map((item) => (
          <li key={item.id} className="grid gap-3 px-4 py-3 text-sm sm:grid-cols-[minmax(0,1fr)_13rem]">
            <Evidence item={item} />
            <Choice
              item={item}
              chosen={pending[item.id] ?? null}
              onChoose={(decision) => onChoose(item.id, decision)}
            />
          </li>
        ))}
      </ul>
    </section>
  )
}

function weight({ evidence }: ReviewItemView): number {
  return (evidence.proposal ? 2 : 0) + (evidence.isNew ? 1 : 0)
}

function Evidence({ item }: { item: ReviewItemView }) {
  const { evidence, since } = item
  return (
    <div className="min-w-0 space-y-1">
      <p className="flex flex-wrap items-center gap-2">
        <ScopeBadge
          serverId={item.server.id}
          toolClass={item.class}
          toolName={item.toolName}
          environment={item.server.environment}
        />
        {evidence.isNew && <Badge tone="accent">new since the last review</Badge>}
        {item.breakGlass && <Badge tone="warn">break-glass</Badge>}
        {evidence.verdict === 'unused' && <Badge tone="warn">not used</Badge>}
      </p>
      <p className="text-[13px] text-muted-foreground">
        {evidence.verdict === 'insufficient_data'
          ? 'too little to tell'
          : evidence.calls > 0
            ? `${plural(evidence.calls, 'call')} in ${evidence.days} days: ${evidence.tools.map(({ tool }) => tool).join(', ')}`
            : `no call in ${evidence.days} days`}
        {missingText(item)}
        {since.calls > 0 && `; ${plural(since.calls, 'call')} since it began`}
        {since.newTools.length > 0 && ` (also ${since.newTools.join(', ')})`}
      </p>
      {evidence.proposal && (
        <p>
          <ProposalText proposal={evidence.proposal} days={evidence.days} />
        </p>
      )}
      {since.neededByNow && (
        <p className="text-[13px] font-medium">
          This does not hold any more: it would take away what is in use by now.
        </p>
      )}
    </div>
  )
}

function missingText({ evidence: { missing } }: ReviewItemView): string {
  if (!missing) return ''
  const parts = [
    ...(missing.days > 0 ? [plural(missing.days, 'day')] : []),
    ...(missing.calls > 0 ? [plural(missing.calls, 'call')] : []),
  ]
  return `; ${parts.join(' and ')} more to propose anything`
}

function Choice({
  item,
  chosen,
  onChoose,
}: {
  item: ReviewItemView
  chosen: ReviewDecision | null
  onChoose: (decision: ReviewDecision | null) => void
}) {
  const scope = `${item.server.name}: ${scopeTitle(item)}`
  if (!item.decidable.allowed) {
    if (item.decision) return <Decided item={item} decision={item.decision} />
    return (
      <p className="text-[13px] text-muted-foreground">
        {item.how === 'gone' ? 'It ended before anybody answered.' : item.decidable.refusal.message}
      </p>
    )
  }
  const narrows = item.evidence.proposal?.kind === 'narrow' && !item.since.neededByNow
  return (
    <div className="space-y-2">
      {item.decision && <Decided item={item} decision={item.decision} />}
      <Select
        aria-label={`Decision for ${item.agent.name}, ${scope}`}
        value={chosen ?? ''}
        onChange={(event) => onChoose((event.target.value || null) as ReviewDecision | null)}
      >
        <option value="">{item.decision ? 'leave it so' : 'not decided'}</option>
        {!item.decision && <option value="keep">Keep</option>}
        {narrows && <option value="narrow">Narrow as proposed</option>}
        <option value="revoke">Revoke</option>
      </Select>
      {item.standsInFor.slice(0, 1).map(({ person, until }) => (
        <p key={person.id} className="text-[13px] text-muted-foreground">
          For {person.name}, who is away until <Time value={until} />
        </p>
      ))}
    </div>
  )
}

/** What came of it, by whom and why: also for whoever may still take away what was kept. */
function Decided({ item, decision }: { item: ReviewItemView; decision: ReviewDecision }) {
  return (
    <div className="text-[13px]">
      <Badge tone={decision === 'keep' ? 'ok' : 'neutral'}>{said[decision]}</Badge>{' '}
      {item.decidedBy?.name ?? (item.how === 'end' ? 'the campaign' : '')}
      {item.decidedFor && `, for ${item.decidedFor.name}`} <Time value={item.decidedAt} />
      {item.reason && <span className="block text-muted-foreground">{item.reason}</span>}
    </div>
  )
}

const said = { keep: 'kept', narrow: 'narrowed', revoke: 'revoked' } as const satisfies Record<ReviewDecision, string>
