import type { Metadata } from 'next'
import Link from 'next/link'
import { notFound } from 'next/navigation'
import { PolicyList } from '#components/guardrails/policy-list.tsx'
import { PolicySetState } from '#components/guardrails/policy-set-state.tsx'
import { Card } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { can } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { getPolicySet, trialReports } from '#lib/guardrails/queries.ts'
import { policySetInput, type PolicySetDetail } from '#lib/guardrails/schema/policy-sets.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { PolicyEditor } from '../policy-editor.client.tsx'
import { ProblemList } from '../problem-list.client.tsx'
import { DiffCard } from './diff-card.tsx'
import { PolicySetActions } from './policy-set-actions.client.tsx'
import { ReplayReport } from './replay-report.tsx'
import { TrialReportsCard } from './trial-reports-card.tsx'

type Props = { params: Promise<{ number: string }> }

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: `Policy set ${(await params).number}` }
}

/** One set: what it says, how it differs from the set in force, how it was tried, and what can be done with it now. */
export default async function PolicySetPage({ params }: Props) {
  const ctx = await currentCtx()
  const set = await readSet(params)
  const reports = can(ctx.actor, 'audit:read') ? await trialReports(ctx, set.number) : null
  const editable = set.actions.edit === null
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.guardrails(), label: 'Guardrails' }]}
        title={`Policy set ${set.number}`}
        badges={<PolicySetState state={set.state} />}
        description={set.note}
        actions={<PolicySetActions set={set} />}
      />
      <div className="grid gap-5">
        <SetFacts set={set} />
        {!editable && <ProblemList problems={set.problems} warnings={set.warnings} />}
        {editable ? (
          <Card title="The draft" description="A text that changes is a draft again, and has to be tried again.">
            <PolicyEditor
              key={set.version}
              draft={{ number: set.number, text: set.text, note: set.note, version: set.version, basedOn: null }}
              warnings={set.warnings}
            />
          </Card>
        ) : null}
        <DiffCard set={set} />
        <ReplayReport set={set} />
        {reports && <TrialReportsCard reports={reports} />}
        <Card flush title="In plain words">
          <PolicyList policies={set.rules} />
        </Card>
      </div>
    </>
  )
}

async function readSet(params: Props['params']): Promise<PolicySetDetail> {
  const parsed = policySetInput.safeParse({ number: Number((await params).number) })
  if (!parsed.success) notFound()
  return await orNotFound(getPolicySet(await currentCtx(), parsed.data.number))
}

function SetFacts({ set }: { set: PolicySetDetail }) {
  return (
    <Card className="max-w-3xl">
      <Facts>
        <Fact label="Version">
          <code>{set.version}</code> <CopyButton text={set.version} what="the version" />
        </Fact>
        <Fact label="Written by">
          {set.changedBy} <Time value={set.changedAt} />
          {set.origin === 'release' && ' (it came with a release)'}
        </Fact>
        {set.basedOn !== null && (
          <Fact label="Made from">
            <Link href={paths.policySet(set.basedOn)} className="text-accent hover:underline">
              Policy set {set.basedOn}
            </Link>
          </Fact>
        )}
        <Fact label="Log-only">
          {set.logOnlyAt ? (
            <>
              <Time value={set.logOnlyAt} />
              {set.logOnlyEndedAt && (
                <>
                  , ended <Time value={set.logOnlyEndedAt} />
                </>
              )}
            </>
          ) : (
            'never with this text'
          )}
        </Fact>
        <Fact label="Enforced">
          {set.periods.length > 0 ? (
            <ul>
              {set.periods.map(({ from, until, by }) => (
                <li key={from}>
                  by {by} <Time value={from} />
                  {until && (
                    <>
                      , until <Time value={until} />
                    </>
                  )}
                </li>
              ))}
            </ul>
          ) : (
            'never'
          )}
        </Fact>
        {(set.state === 'draft' || set.state === 'log_only') && <Fact label="Tried">{set.trial.says.join(' ')}</Fact>}
        {set.withoutReplay && <Fact label="Enforced without replay">{set.withoutReplay}</Fact>}
        {set.emptyReplay && <Fact label="Enforced, its replay met no call">{set.emptyReplay}</Fact>}
        {set.discardedAt && (
          <Fact label="Thrown away">
            by {set.discardedBy} <Time value={set.discardedAt} />
          </Fact>
        )}
      </Facts>
    </Card>
  )
}
