import { plural } from '#components/ui/count.ts'
import { ProposedConditions } from './proposed-conditions.tsx'
import type { GrantProposal } from '#lib/scopes/schema/usage.ts'

/** What is proposed, why, and which calls of the days before it would have denied. */
export function ProposalText({ proposal, days }: { proposal: GrantProposal; days: number }) {
  const { kind, because, toolNames, denialsBefore, daysBefore, unknownBefore } = proposal
  const denied = denialsBefore === 0 ? 'none' : plural(denialsBefore, 'call')
  return (
    <>
      <span className="font-medium">
        {kind === 'revoke'
          ? 'Revoke'
          : `${because === 'arguments' ? 'Add conditions to' : 'Narrow to'} ${toolNames.join(', ')}`}
      </span>
      <ProposedConditions proposal={proposal} />
      <span className="block text-[13px] text-muted-foreground">
        {reasonOf(proposal, days)}
        {daysBefore > 0 &&
          ` In the ${plural(daysBefore, 'day')} before it would have denied ${denied}${unknownBefore > 0 ? ` that is known of; of ${plural(unknownBefore, 'call')} the arguments are not known` : ''}.`}
      </span>
    </>
  )
}

function reasonOf({ because, calls, denials }: GrantProposal, days: number): string {
  if (because === 'unused') return `No call needed it in ${days} days.`
  const all = `${plural(calls, 'call')} in ${days} days`
  if (because === 'covered') return `Narrower grants cover all of its ${all}.`
  return denials === 0 ? `Its ${all} stay allowed.` : `Of its ${all}, ${denials} would have been denied.`
}
