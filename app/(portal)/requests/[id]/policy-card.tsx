import { CircleCheck, CircleDashed, Clock } from 'lucide-react'
import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { Time } from '#components/ui/time.client.tsx'
import { roleLabel } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'
import type { ApprovalStep } from '#lib/scopes/schema/approval-policy.ts'

/** Who is asked for this request and how far it has come, by the rule that holds for it. */
export function PolicyCard({ request, now }: { request: ScopeRequestView; now: Date }) {
  const { policy, dueAt, remindedAt, state } = request
  const overdue = state === 'pending' && dueAt !== null && new Date(dueAt) <= now
  return (
    <Card
      title="Who approves"
      description={
        <>
          By the rule{' '}
          <Link href={paths.approvalPolicy()} className="text-accent underline underline-offset-2">
            {policy.title}
          </Link>
          {policy.daysMax !== null && `, for ${plural(policy.daysMax, 'day')} at most`}
        </>
      }
      actions={
        state === 'pending' &&
        dueAt && (
          <Badge tone={overdue ? 'danger' : 'neutral'}>
            <Clock aria-hidden /> {overdue ? 'overdue since' : 'due'} <Time value={dueAt} />
          </Badge>
        )
      }
    >
      {policy.says && <p className="mb-3 text-[13px] text-muted-foreground">{policy.says}</p>}
      {request.standIns.map(({ person, until }) => (
        <p key={person.id} className="mb-3 text-[13px] text-muted-foreground">
          You stand in for {person.name}, who is away; that ends <Time value={until} />
        </p>
      ))}
      {state === 'pending' && remindedAt && (
        <p className="mb-3 text-[13px] text-muted-foreground">
          Those who are asked were reminded <Time value={remindedAt} />
        </p>
      )}
      {request.escalations > 0 && (
        <p className="mb-3 text-[13px] text-muted-foreground">
          Passed on {plural(request.escalations, 'time')} because it is overdue.
        </p>
      )}
      <ol className="grid grid-cols-1 gap-2 text-sm">
        {policy.steps.map((step) => (
          <li key={step.number} className="flex items-start gap-2">
            {step.approved ? (
              <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-ok" />
            ) : (
              <CircleDashed aria-hidden className="mt-0.5 size-4 shrink-0 text-muted-foreground" />
            )}
            <span>
              {step.roles.map(roleLabel).join(' or ')}
              <span className="block text-[13px] text-muted-foreground">
                <StepState step={step} pending={state === 'pending'} />
              </span>
            </span>
          </li>
        ))}
      </ol>
    </Card>
  )
}

function StepState({ step, pending }: { step: ApprovalStep; pending: boolean }) {
  if (step.approved) {
    const { by, for: place, at, note } = step.approved
    return (
      <>
        {by.name}
        {place && `, for ${place.name},`} approved <Time value={at} />
        {note && `: ${note}`}
      </>
    )
  }
  if (!pending) return <>was not needed</>
  return <>{step.open ? 'is asked now' : 'is asked when the one before has approved'}</>
}
