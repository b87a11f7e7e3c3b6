import { plural } from '#components/ui/count.ts'
import type { GrantProposal } from '#lib/scopes/schema/usage.ts'

const why = {
  unused: 'no call needed it',
  covered: 'narrower grants cover all of its calls',
  narrower: 'its calls needed no more',
} as const satisfies Record<GrantProposal['because'], string>

/** What is proposed, why, and which calls it would have denied. */
export function ProposalText({ proposal, days }: { proposal: GrantProposal; days: number }) {
  const { kind, toolNames, because, calls, denialsBefore, daysBefore } = proposal
  return (
    <>
      <span className="font-medium">{kind === 'revoke' ? 'Revoke' : `Narrow to ${toolNames.join(', ')}`}</span>
      <span className="block text-[13px] text-muted-foreground">
        {why[because]}; denies none of {plural(calls, 'call')} in {days} days
        {daysBefore > 0 && `, ${denialsBefore} in the ${plural(daysBefore, 'day')} before`}
      </span>
    </>
  )
}
