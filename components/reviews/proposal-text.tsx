import { plural } from '#components/ui/count.ts'
import type { GrantProposal } from '#lib/scopes/schema/usage.ts'

/** What is proposed, why, and which calls of the days before it would have denied. */
export function ProposalText({ proposal, days }: { proposal: GrantProposal; days: number }) {
  const { kind, toolNames, denialsBefore, daysBefore } = proposal
  const denied = denialsBefore === 0 ? 'none' : plural(denialsBefore, 'call')
  return (
    <>
      <span className="font-medium">{kind === 'revoke' ? 'Revoke' : `Narrow to ${toolNames.join(', ')}`}</span>
      <span className="block text-[13px] text-muted-foreground">
        {reasonOf(proposal, days)}
        {daysBefore > 0 && ` In the ${plural(daysBefore, 'day')} before it would have denied ${denied}.`}
      </span>
    </>
  )
}

function reasonOf({ because, calls }: GrantProposal, days: number): string {
  if (because === 'unused') return `No call needed it in ${days} days.`
  const all = `${plural(calls, 'call')} in ${days} days`
  return because === 'covered' ? `Narrower grants cover all of its ${all}.` : `Its ${all} stay allowed.`
}
