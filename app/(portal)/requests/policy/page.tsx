import type { Metadata } from 'next'
import { EndAskedNote } from '#components/rules/end-asked-note.tsx'
import { EndRuleButton } from '#components/rules/end-rule-button.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { roleLabel } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import { listTeams } from '#lib/registry/queries.ts'
import { listApprovalRules } from '#lib/scopes/queries.ts'
import type { ApprovalRuleView, Escalation } from '#lib/scopes/schema/approval-policy.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { confirmRule, removeRule, withdrawRemoval } from './actions.ts'
import { AddApprovalRule } from './add-approval-rule.client.tsx'

export const metadata: Metadata = { title: 'Who approves' }

export default async function ApprovalPolicyPage() {
  const ctx = await currentCtx()
  const [rules, teams] = await Promise.all([listApprovalRules(ctx), listTeams(ctx)])
  const problem = whyNot(ctx.actor, 'approvals:manage')
  const personId = ctx.actor.kind === 'person' ? ctx.actor.id : null
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.requests(), label: 'Scope requests' }]}
        title="Who approves"
        description="The approval policy: the first rule that fits a request says who is asked. Nobody decides what they asked for, or for an agent that is theirs or their team’s. What makes approval easier takes two people."
        actions={<AddApprovalRule whyNot={problem} teams={teams.map(({ id, name }) => ({ id, name }))} />}
      />
      <DataTable
        caption="Rules of the approval policy"
        columns={[...columns, actionColumn({ problem, personId })]}
        rows={rules}
        rowKey={({ id }) => id ?? 'last'}
      />
    </>
  )
}

const columns: readonly Column<ApprovalRuleView>[] = [
  {
    id: 'position',
    header: '#',
    numeric: true,
    cell: ({ id, position }) => (id === null ? 'last' : position),
  },
  {
    id: 'title',
    header: 'Rule',
    className: 'min-w-40',
    cell: ({ title, createdBy, createdAt, inForce, endAsked }) => (
      <>
        <span className="font-medium">{title}</span>
        <span className="block text-muted-foreground">
          {createdAt ? (
            <>
              {createdBy?.name ?? 'unknown'} <Time value={createdAt} />
            </>
          ) : (
            'always there'
          )}
        </span>
        {!inForce && <Badge tone="warn">waits for a second person</Badge>}
        <EndAskedNote endAsked={endAsked} />
      </>
    ),
  },
  { id: 'fits', header: 'Fits', className: 'min-w-40', cell: (rule) => <Fits rule={rule} /> },
  { id: 'asks', header: 'Asks', className: 'min-w-40', cell: (rule) => <Asks rule={rule} /> },
  {
    id: 'days',
    header: 'At most',
    wide: true,
    cell: ({ daysMax }) => (daysMax === null ? 'as long as asked' : plural(daysMax, 'day')),
  },
  {
    id: 'due',
    header: 'Within',
    wide: true,
    className: 'min-w-40',
    cell: ({ dueHours, remindPercent, escalation }) => (
      <>
        {plural(dueHours, 'hour')}
        <span className="block text-muted-foreground">reminded after {remindPercent} % of that time</span>
        {escalation && <span className="block text-muted-foreground">{escalationText(escalation)}</span>}
      </>
    ),
  },
]

/** “then Finance is told every 4 hours, 2 times, and may decide” */
function escalationText({ roles, teamId, afterHours, times, mayDecide }: Escalation): string {
  const who = [...roles.map(roleLabel), ...(teamId === null ? [] : [`the team ${teamId}`])].join(' and ')
  const when =
    times === 1 ? `after ${plural(afterHours, 'hour')} more` : `every ${plural(afterHours, 'hour')}, ${times} times`
  return `then passed on to ${who} ${when}${mayDecide ? ', who may decide it too' : ''}`
}

function Fits({ rule }: { rule: ApprovalRuleView }) {
  const words = [
    ...rule.classes,
    ...rule.environments.map((environment) => `on ${environment}`),
    ...rule.sensitivities.map((sensitivity) => `${sensitivity} data`),
    ...rule.dataClasses.map((each) => `${each.replaceAll('_', ' ')} data`),
    ...rule.tiers.map((tier) => `${tier} risk`),
  ]
  if (words.length === 0) return <>everything</>
  return (
    <span className="flex flex-wrap gap-1">
      {words.map((word) => (
        <Badge key={word}>{word}</Badge>
      ))}
    </span>
  )
}

function Asks({ rule: { steps, inOrder } }: { rule: ApprovalRuleView }) {
  if (steps.length === 0) return <Badge tone="warn">nobody: granted at once</Badge>
  const people = steps.map((roles) => roles.map(roleLabel).join(' or '))
  return <>{people.join(inOrder ? ', then ' : ' and ')}</>
}

function actionColumn({
  problem,
  personId,
}: {
  problem: string | null
  personId: string | null
}): Column<ApprovalRuleView> {
  return {
    id: 'action',
    header: <span className="sr-only">Action</span>,
    cell: ({ id, title, inForce, endAsked, createdBy }) =>
      id !== null && (
        <span className="flex flex-wrap gap-2">
          {!inForce && (
            <ConfirmButton
              label="Confirm"
              object={`“${title}”`}
              size="sm"
              title={`Let “${title}” hold`}
              description="It makes approval easier than the rules that hold now; it holds for what is decided from now on, also for requests that wait."
              confirm="Let it hold"
              action={confirmRule}
              input={{ ruleId: id }}
              whyNot={problem ?? (createdBy?.id === personId ? 'You proposed it, so somebody else confirms it.' : null)}
              said="The rule holds."
            />
          )}
          <EndRuleButton
            rule={{ id, title, endAsked }}
            personId={personId}
            label={inForce ? 'Remove' : 'Withdraw'}
            description={
              inForce
                ? 'Requests that wait are decided by the rule that fits then; approvals given under this one count no more.'
                : 'It never held.'
            }
            action={removeRule}
            withdraw={withdrawRemoval}
            whyNot={problem}
            second={inForce ? 'if_easier' : 'never'}
          />
        </span>
      ),
  }
}
