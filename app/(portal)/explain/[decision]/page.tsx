import type { Metadata } from 'next'
import Link from 'next/link'
import { DecisionCard, OutcomeBadge, PrecedenceCard } from '#components/explanations/explanation-cards.tsx'
import { RuleLink } from '#components/rules/rule-link.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { can } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { DomainError } from '#lib/core/errors.ts'
import { explainDecision } from '#lib/guardrails/queries/explanation/decision.ts'
import { limitsOfBrokers } from '#lib/guardrails/rules/request-limits.ts'
import { type DecisionExplanation, explainDecisionInput } from '#lib/guardrails/schema/explanation.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { portal } from '#lib/web/db.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { hrefWith } from '#lib/web/search.ts'

export const metadata: Metadata = { title: 'Why it was decided so' }

/** Why one decision was made: what was true then, who set it and who can change it, and whether it would be decided otherwise now. */
export default async function ExplainPage({ params }: { params: Promise<{ decision: string }> }) {
  const ctx = await currentCtx()
  const input = explainDecisionInput.safeParse({ id: (await params).decision })
  const brokers = limitsOfBrokers(portal().config.brokerLimits)
  const missing = new DomainError('not_found', 'There is no such decision.')
  const explained = await orNotFound(
    input.success ? explainDecision(ctx, input.data, brokers) : Promise.reject(missing),
  )
  const { about, rule } = explained
  const isCall = about.agent !== null && about.server !== null && about.tool !== null
  return (
    <>
      <PageHeader
        title={explained.title}
        badges={
          <>
            <OutcomeBadge outcome={explained.outcome} />
            {explained.demo && <Badge tone="outline">demo</Badge>}
          </>
        }
        description={
          <>
            {isCall ? `${about.agent!.name} called ${about.server!.id}/${about.tool}` : explained.meaning},{' '}
            <Time value={explained.at} />.
          </>
        }
      />
      <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1fr)_26rem]">
        <div className="grid min-w-0 gap-5">
          {explained.now && <NowNotice explained={explained} />}
          <DecisionCard
            explained={explained}
            actions={
              isCall && (
                <Button asChild>
                  <Link href={paths.simulate({ agent: about.agent!.id, server: about.server!.id, tool: about.tool! })}>
                    Simulate this
                  </Link>
                </Button>
              )
            }
          />
          <Card title="On record">
            <Facts>
              <Fact label="Decision">
                <span className="inline-flex items-center gap-1 font-mono text-xs break-all">
                  {explained.decision} <CopyButton text={explained.decision ?? ''} what="decision id" />
                </span>
              </Fact>
              <Fact label="Event">
                <code className="text-[13px]">{explained.event}</code>, number {explained.seq} of the audit log
              </Fact>
              {explained.demo && (
                <Fact label="Demo data">Nobody made this call; what came of it was decided as brokers do.</Fact>
              )}
              {about.agent && (
                <Fact label="As it was">
                  <Link href={paths.agentPast(about.agent.id, explained.at)} className="underline underline-offset-2">
                    {about.agent.name} at that instant
                  </Link>
                </Fact>
              )}
              {rule !== null && can(ctx.actor, 'audit:read') && (
                <Fact label="More like it">
                  <Link href={hrefWith(paths.audit(), { rule })} className="underline underline-offset-2">
                    Everything that this rule refused or held
                  </Link>
                </Fact>
              )}
              <Fact label="As CLI">
                <code className="text-xs break-all">wheelhouse explain {explained.decision}</code>
              </Fact>
            </Facts>
          </Card>
        </div>
        <div className="grid min-w-0 gap-5">
          <PrecedenceCard explained={explained} />
        </div>
      </div>
    </>
  )
}

function NowNotice({ explained: { now, about } }: { explained: DecisionExplanation }) {
  if (!now) return null
  if (!now.differs) {
    return <Notice title="It would be decided the same now">{now.message}</Notice>
  }
  return (
    <Notice
      kind={now.outcome === 'allowed' ? 'ok' : 'warn'}
      title={
        <>
          It would be {now.outcome} now
          {now.rule !== null && (
            <>
              : <RuleLink id={now.rule} agentId={about.agent?.id} serverId={about.server?.id} />
            </>
          )}
        </>
      }
    >
      {now.because.length > 0 ? (
        <ul className="list-disc pl-4">
          {now.because.map(({ at, event, text }) => (
            <li key={`${at} ${event}`}>{text}</li>
          ))}
        </ul>
      ) : (
        now.message
      )}
    </Notice>
  )
}
