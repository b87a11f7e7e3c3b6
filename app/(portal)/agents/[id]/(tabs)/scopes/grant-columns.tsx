import { Siren } from 'lucide-react'
import Link from 'next/link'
import { EnvironmentBadge, SensitivityBadge } from '#components/agents/agent-badges.tsx'
import { LimitsList } from '#components/scopes/limits-list.tsx'
import { ReachList, ReachOnPhone } from '#components/scopes/reach-list.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { plural } from '#components/ui/count.ts'
import { type Column } from '#components/ui/data-table.tsx'
import { MissingArguments, ProposedConditions } from '#components/reviews/proposed-conditions.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import { scopeTitle } from '#lib/registry/schema/capabilities.ts'
import type { GrantView } from '#lib/scopes/schema.ts'
import { type GrantUsage, narrowingOf } from '#lib/scopes/schema/usage.ts'
import { narrow, revoke } from '../../actions.ts'

/** Over how many days it is said what a grant was used for. */
export const usageDays = 30

/** What a grant was used for, and what would be enough. */
export function usageColumn(usage: ReadonlyMap<string, GrantUsage>, narrowProblem: string | null): Column<GrantView> {
  return {
    id: 'usage',
    header: `Used, ${usageDays} days`,
    // Conditions are read in lines of some length, where there are any.
    className: [...usage.values()].some(({ proposal }) => proposal?.conditions.length) ? 'min-w-60' : 'min-w-32',
    cell: (grant) => {
      const row = usage.get(grant.id)
      if (!row || grant.state !== 'in_force') return '–'
      if (row.verdict === 'insufficient_data') {
        return (
          <span className="text-muted-foreground">
            too soon to say{row.missing && row.missing.days > 0 && `: ${plural(row.missing.days, 'day')} more`}
          </span>
        )
      }
      if (row.verdict === 'unused') return <Badge tone="warn">not used</Badge>
      return (
        <>
          {plural(row.calls, 'call')}
          {row.proposal?.because === 'covered' && (
            <span className="block text-muted-foreground">other grants cover them</span>
          )}
          <MissingArguments tools={row.arguments} />
          {row.narrower && row.proposal && (
            <span className="mt-1 block">
              <ProposedConditions proposal={row.proposal} />
              <ReasonButton
                label={
                  row.proposal.because === 'arguments'
                    ? 'Add conditions'
                    : `Narrow to ${plural(row.narrower.length, 'tool')}`
                }
                size="sm"
                title={`Narrow ${grant.serverName}: ${grant.class}`}
                description={`What it was called for in these days and no narrower grant covers is only ${row.narrower.join(', ')}${row.proposal.conditions.length > 0 ? ', under the conditions that are named' : ''}. It keeps these, for as long as now, and can ask for more.`}
                confirm="Narrow"
                variant="primary"
                action={narrow}
                input={narrowingOf(grant.id, row.proposal, usageDays)}
                whyNot={narrowProblem}
                said="The scope is narrowed."
              />
            </span>
          )}
        </>
      )
    },
  }
}

/** What a grant allows, why and until when. */
export const columns: readonly Column<GrantView>[] = [
  {
    id: 'server',
    header: 'Server',
    cell: (grant) => (
      <>
        <Link href={paths.server(grant.serverId)} className="font-medium text-accent hover:underline">
          {grant.serverName}
        </Link>
        <span className="mt-1 flex flex-wrap gap-1">
          <EnvironmentBadge environment={grant.environment} />
          <SensitivityBadge sensitivity={grant.sensitivity} />
        </span>
      </>
    ),
  },
  {
    id: 'class',
    header: 'Scope',
    cell: (grant) => (
      <>
        <ScopeBadge toolClass={grant.class} toolName={grant.toolName} />
        <LimitsList conditions={grant.conditions} rate={grant.rate} />
        <ReachOnPhone reach={grant} />
      </>
    ),
  },
  {
    id: 'tools',
    header: 'Reaches now',
    wide: true,
    cell: (grant) => <ReachList reach={grant} />,
  },
  {
    id: 'why',
    header: 'Why',
    wide: true,
    cell: (grant) => (
      <>
        {grant.reason || '–'}{' '}
        {grant.requestId ? (
          <>
            <Link href={paths.request(grant.requestId)} className="text-accent underline underline-offset-2">
              request
            </Link>
            {grant.via === 'narrowed' && <Badge tone="outline">narrowed</Badge>}
          </>
        ) : grant.via === 'break_glass' ? (
          <Badge tone="warn">
            <Siren aria-hidden /> break-glass
          </Badge>
        ) : (
          <Badge tone="outline">{viaWords[grant.via] ?? grant.via}</Badge>
        )}
      </>
    ),
  },
  { id: 'since', header: 'Since', wide: true, cell: (grant) => <Time value={grant.createdAt} /> },
  {
    id: 'until',
    header: 'Until',
    cell: (grant) => {
      if (grant.state === 'revoked')
        return (
          <Badge tone="neutral">
            revoked <Time value={grant.revokedAt} />
          </Badge>
        )
      if (grant.state === 'expired')
        return (
          <Badge tone="neutral">
            expired <Time value={grant.expiresAt} />
          </Badge>
        )
      return <Time value={grant.expiresAt} fallback="until revoked" />
    },
  },
]

const viaWords: Record<string, string> = {
  template: 'pre-approved by the template',
  request: 'request',
  import: 'import',
  narrowed: 'narrowed',
}

/** Takes a grant back, with a reason. */
export function revokeColumn(whyNotRevoke: string | null): Column<GrantView> {
  return {
    id: 'revoke',
    pinned: true,
    header: <span className="sr-only">Action</span>,
    cell: (grant) =>
      grant.state === 'in_force' && (
        <ReasonButton
          label="Revoke"
          size="sm"
          title={`Revoke ${grant.serverName}: ${scopeTitle(grant)}`}
          description={`${grant.agent.name} is refused these tools at its next call.`}
          confirm="Revoke"
          action={revoke}
          input={{ grantId: grant.id }}
          whyNot={whyNotRevoke}
        />
      ),
  }
}
