import type { Metadata } from 'next'
import Link from 'next/link'
import { HeldAnswers } from '#components/approvals/held-answers.tsx'
import { JsonBlock, JsonDiff } from '#components/approvals/json-block.tsx'
import { plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { isRole, roleLabel } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import { listHeldCalls, listHoldRules } from '#lib/guardrails/queries/held-calls.ts'
import type { HeldCallView, HoldRuleView } from '#lib/guardrails/schema/held-calls.ts'
import { listServers } from '#lib/registry/queries.ts'
import { conditionText } from '#lib/registry/schema/conditions.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { removeRule } from './actions.ts'
import { excludedText } from './excluded-text.ts'
import { AddRuleButton } from './rule-form.client.tsx'
import { WaitingList } from './waiting-list.client.tsx'

export const metadata: Metadata = { title: 'Approvals' }

export default async function ApprovalsPage() {
  const ctx = await currentCtx()
  const [waiting, decided, rules, servers] = await Promise.all([
    listHeldCalls(ctx, { state: 'waiting', limit: 100 }),
    listHeldCalls(ctx, { state: 'decided', limit: 20 }),
    listHoldRules(ctx),
    listServers(ctx),
  ])
  const manageProblem = whyNot(ctx.actor, 'holds:manage')
  return (
    <>
      <PageHeader
        title="Approvals"
        description="Calls that wait for a person now. What is approved is carried out once, exactly as it stands here."
      />
      <div className="grid gap-6">
        <section aria-label="Waiting">
          <WaitingList initial={waiting} />
        </section>
        <section>
          <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
            <h2 className="text-sm font-semibold">Rules that hold calls</h2>
            <AddRuleButton servers={servers.map(({ id, name }) => ({ id, name }))} whyNot={manageProblem} />
          </div>
          <DataTable
            caption="Rules that hold calls"
            columns={[...ruleColumns, removeColumn(manageProblem)]}
            rows={rules}
            rowKey={(rule) => rule.id}
            empty={
              <EmptyState title="No rule holds calls">Every call that is granted goes through at once.</EmptyState>
            }
          />
        </section>
        <section>
          <h2 className="mb-2 text-sm font-semibold">Decided lately</h2>
          <DataTable
            caption="Held calls that were decided"
            columns={decidedColumns}
            rows={decided.items}
            rowKey={(held) => held.id}
            empty={<EmptyState title="Nothing was decided yet">What people decide is listed here.</EmptyState>}
          />
        </section>
      </div>
    </>
  )
}

const ruleColumns: readonly Column<HoldRuleView>[] = [
  { id: 'title', header: 'Rule', cell: (rule) => <span className="font-medium">{rule.title}</span> },
  {
    id: 'holds',
    header: 'Holds',
    cell: (rule) => (
      <ul className="text-[13px]">
        <li className="font-mono break-all">
          {[rule.serverId ?? 'every server', rule.toolName].filter(Boolean).join('/')}
        </li>
        {rule.class && <li>{rule.class === 'destructive' ? 'destructive' : `${rule.class} and above`}</li>}
        {rule.environment && <li>{rule.environment}</li>}
        {rule.conditions.map((condition) => (
          <li key={conditionText(condition)} className="break-words">
            {conditionText(condition)}
          </li>
        ))}
      </ul>
    ),
  },
  {
    id: 'decides',
    header: 'Decides',
    cell: (rule) => (
      <>
        {rolesText(rule.deciderRoles)}
        {rule.excludedDeciders.length > 0 && (
          <span className="block max-w-xs text-[13px] text-muted-foreground">
            Not {rule.excludedDeciders.map(excludedText).join(', nor ')}
          </span>
        )}
      </>
    ),
  },
  {
    id: 'time',
    header: 'Time',
    wide: true,
    cell: (rule) => `${timeText(rule.decideSeconds)}, then ${rule.onTimeout === 'allow' ? 'allowed' : 'refused'}`,
  },
  {
    id: 'made',
    header: 'Made',
    wide: true,
    cell: (rule) => (
      <>
        {rule.createdBy?.name ?? 'unknown'}, <Time value={rule.createdAt} />
      </>
    ),
  },
]

function removeColumn(problem: string | null): Column<HoldRuleView> {
  return {
    id: 'remove',
    header: <span className="sr-only">Action</span>,
    cell: (rule) => (
      <ReasonButton
        label="Remove"
        size="sm"
        title={`Remove the rule “${rule.title}”`}
        description="Such calls go through without a person from then on; those that wait already still wait."
        confirm="Remove"
        action={removeRule}
        input={{ ruleId: rule.id }}
        whyNot={problem}
      />
    ),
  }
}

const decidedColumns: readonly Column<HeldCallView>[] = [
  {
    id: 'call',
    header: 'Call',
    cell: (held) => (
      <details className="max-w-xl">
        <summary className="cursor-pointer">
          <span className="font-mono break-all">{held.server ? `${held.server.id}/${held.tool}` : held.tool}</span>{' '}
          {held.class && <ScopeBadge toolClass={held.class} environment={held.server?.environment} />}
        </summary>
        {held.editedArguments ? (
          <JsonDiff before={held.arguments} after={held.editedArguments} />
        ) : (
          <JsonBlock value={held.arguments} label={`Arguments of ${held.tool}`} />
        )}
        {held.inputResponses && <HeldAnswers answers={held.inputResponses} call={held.tool} />}
      </details>
    ),
  },
  {
    id: 'agent',
    header: 'Agent',
    wide: true,
    cell: (held) => (
      <Link
        href={held.runId ? paths.run(held.runId) : paths.agent(held.agent.id)}
        className="text-accent hover:underline"
      >
        {held.agent.name}
      </Link>
    ),
  },
  { id: 'state', header: 'Decision', cell: (held) => <Status state={held.state} /> },
  {
    id: 'by',
    header: 'By',
    cell: (held) => (
      <>
        {held.decidedBy?.name ?? '–'} · <Time value={held.decidedAt} />
        {held.note && <span className="block max-w-xs text-[13px] text-muted-foreground">{held.note}</span>}
      </>
    ),
  },
  { id: 'rule', header: 'Held because', wide: true, cell: (held) => held.rule.title },
]

function rolesText(roles: readonly string[]): string {
  return roles.map((role) => (isRole(role) ? roleLabel(role) : role)).join(', ')
}

function timeText(seconds: number): string {
  return seconds % 60 === 0 ? plural(seconds / 60, 'minute') : plural(seconds, 'second')
}
