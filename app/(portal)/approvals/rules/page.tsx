import type { Metadata } from 'next'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { formatCount, plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { durationWords } from '#lib/core/duration.ts'
import { paths } from '#lib/core/paths.ts'
import { roleNames } from '#lib/auth/permissions.ts'
import { forecastHoldRules } from '#lib/guardrails/queries/hold-forecast.ts'
import { listHoldBypasses } from '#lib/guardrails/queries/hold-bypasses.ts'
import { listHoldRules } from '#lib/guardrails/queries/held-calls.ts'
import type { HoldRuleView } from '#lib/guardrails/schema/held-calls.ts'
import type { HoldForecast } from '#lib/guardrails/schema/hold-insight.ts'
import { listServers } from '#lib/registry/queries.ts'
import { conditionText } from '#lib/registry/schema/conditions.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { parseSearch, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { EndAskedNote } from '#components/rules/end-asked-note.tsx'
import { EndRuleButton } from '#components/rules/end-rule-button.client.tsx'
import { removeRule, withdrawRemoval } from '../actions.ts'
import { BypassButton } from '../bypass-button.client.tsx'
import { bypassColumns } from '../bypass-columns.tsx'
import { excludedText } from '../excluded-text.ts'
import { ruleChangeQuery } from '../rule-change.ts'
import { AddRuleButton } from '../rule-form.client.tsx'

export const metadata: Metadata = { title: 'Rules that hold calls' }

type RuleRow = HoldRuleView & { week: HoldForecast; place: number }

export default async function HoldRulesPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const change = await parseSearch(ruleChangeQuery, searchParams)
  const [rules, bypasses, servers] = await Promise.all([
    listHoldRules(ctx),
    listHoldBypasses(ctx, { state: 'all', limit: 20 }),
    listServers(ctx),
  ])
  const weeks = await forecastHoldRules(ctx, rules)
  const replaced = rules.find(({ id }) => id === change.replace)
  const manageProblem = whyNot(ctx.actor, 'holds:manage')
  const bypassProblem = whyNot(ctx.actor, 'holds:bypass')
  const personId = ctx.actor.kind === 'person' ? ctx.actor.id : null
  return (
    <div className="grid grid-cols-1 gap-6">
      <section>
        <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
          <h2 className="text-sm font-semibold">Rules that hold calls</h2>
          <div className="flex flex-wrap gap-2">
            <Button asChild size="sm">
              <Link href={paths.simulate()}>Simulate a call</Link>
            </Button>
            <AddRuleButton
              key={JSON.stringify(change)}
              servers={servers.map(({ id, name }) => ({ id, name }))}
              whyNot={manageProblem}
              changed={replaced ? { rule: replaced, change } : null}
            />
          </div>
        </div>
        <p className="mb-2 max-w-prose text-[13px] text-muted-foreground">
          They are asked in this order, and the first one that holds a call says who decides. A new rule comes last; one
          that replaces another takes its place. Two people end a rule.
        </p>
        <DataTable
          caption="Rules that hold calls"
          columns={[...ruleColumns, actionColumn({ manageProblem, bypassProblem, personId })]}
          rows={rules.map((rule, at) => ({ ...rule, week: weeks[at]!, place: at + 1 }))}
          rowKey={(rule) => rule.id}
          empty={<EmptyState title="No rule holds calls">Every call that is granted goes through at once.</EmptyState>}
        />
      </section>
      {bypasses.length > 0 && (
        <section>
          <h2 className="mb-2 text-sm font-semibold">Bypasses</h2>
          <DataTable
            caption="Bypasses of rules"
            columns={bypassColumns(bypassProblem)}
            rows={bypasses}
            rowKey={({ id }) => id}
          />
        </section>
      )}
    </div>
  )
}

const ruleColumns: readonly Column<RuleRow>[] = [
  { id: 'place', header: 'Asked', numeric: true, cell: ({ place }) => place },
  {
    id: 'title',
    header: 'Rule',
    cell: (rule) => (
      <>
        <span className="font-medium">{rule.title}</span>
        <EndAskedNote endAsked={rule.endAsked} />
      </>
    ),
  },
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
          <span className="block max-w-xs text-[13px] text-muted-foreground max-sm:hidden">
            Not {rule.excludedDeciders.map(excludedText).join(', nor ')}
          </span>
        )}
      </>
    ),
  },
  {
    id: 'week',
    header: 'Last 7 days',
    wide: true,
    cell: ({ week, conditions }) => (
      <>
        {conditions.length > 0 && 'at most '}
        {formatCount(week.held)} of {plural(week.calls, 'call')}, of {plural(week.agents, 'agent')}
      </>
    ),
  },
  {
    id: 'time',
    header: 'Time',
    wide: true,
    cell: (rule) => `${durationWords(rule.decideSeconds)}, then ${rule.onTimeout === 'allow' ? 'allowed' : 'refused'}`,
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

function actionColumn(problems: {
  manageProblem: string | null
  bypassProblem: string | null
  personId: string | null
}): Column<RuleRow> {
  return {
    id: 'action',
    header: <span className="sr-only">Action</span>,
    cell: (rule) => (
      <span className="flex flex-wrap gap-2">
        <BypassButton ruleId={rule.id} title={rule.title} whyNot={problems.bypassProblem} />
        <EndRuleButton
          rule={rule}
          personId={problems.personId}
          description="Such calls go through without a person from then on; those that wait already still wait."
          action={removeRule}
          withdraw={withdrawRemoval}
          whyNot={problems.manageProblem}
          second="always"
        />
      </span>
    ),
  }
}

function rolesText(roles: readonly string[]): string {
  return roleNames(roles).join(', ')
}
