'use client'

import { OctagonX } from 'lucide-react'
import Link from 'next/link'
import { HeldNotice } from '#components/approvals/held-notice.client.tsx'
import { EscalationList } from '#components/escalations/escalation-list.client.tsx'
import { RuleLink } from '#components/rules/rule-link.tsx'
import { triggerWords } from '#components/runs/run-columns.tsx'
import { RunLog } from '#components/runs/run-log.tsx'
import { useRunStream } from '#components/runs/use-run-stream.client.ts'
import { Badge } from '#components/ui/badge.tsx'
import { Card, Figure } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Money } from '#components/ui/money.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { formatDuration } from '#components/ui/time.ts'
import { formatMicros } from '#lib/core/money.ts'
import { paths } from '#lib/core/paths.ts'
import { explainRule } from '#lib/guardrails/rules/explain.ts'
import { openRunStates, type RunEventView, type RunView } from '#lib/harness/schema.ts'
import { hrefWith } from '#lib/web/search.ts'
import type { stopRunAction } from './actions.ts'

type Props = {
  initial: { run: RunView; events: RunEventView[] }
  stop: typeof stopRunAction
  whyNotStop: string | null
  whyNotResolve: string | null
}

/** A run as it happens; when it is over, what it was. */
export function RunPage({ initial, stop, whyNotStop, whyNotResolve }: Props) {
  const { run, events, connection } = useRunStream(initial)
  const isOpen = openRunStates.some((state) => state === run.state)
  return (
    <>
      <PageHeader
        crumbs={[
          { href: paths.agent(run.agentId), label: run.agentName },
          { href: paths.agent(run.agentId, 'runs'), label: 'Runs' },
        ]}
        title={`Run of ${run.agentName}`}
        badges={
          <>
            <Status state={run.state} />
            {run.simulated && <Badge tone="outline">simulated model</Badge>}
            {run.demo && <Badge tone="outline">demo</Badge>}
          </>
        }
        description={run.summary?.split('\n')[0]}
        actions={
          isOpen && (
            <ReasonButton
              label="Stop this run"
              icon={<OctagonX aria-hidden />}
              title={`Stop this run of ${run.agentName}`}
              said="Stop asked for; the log shows when it is proven."
              description="Its calls are refused at once and its session is interrupted. The agent may be started again."
              confirm="Stop run"
              variant="danger-outline"
              action={stop}
              input={{ runId: run.id }}
              whyNot={whyNotStop}
            />
          )
        }
      />
      {run.state === 'refused' && (
        <Notice
          kind="danger"
          title={run.rule ? <RuleTitle before="Not started" run={run} /> : 'Not started'}
          className="mb-5"
        >
          {run.error}
        </Notice>
      )}
      {run.error && run.state !== 'refused' && (
        <Notice
          kind="danger"
          title={run.rule ? <RuleTitle before="Ended" run={run} /> : 'The run ended with an error'}
          className="mb-5"
        >
          {run.error}
        </Notice>
      )}
      {run.rule && !run.error && (
        <Notice kind="warn" title={<RuleLink id={run.rule} agentId={run.agentId} />} className="mb-5">
          {explainRule(run.rule).explanation}
        </Notice>
      )}
      {isOpen && <HeldNotice runId={run.id} />}
      <dl className="mb-5 grid grid-cols-2 gap-3 sm:grid-cols-3 xl:grid-cols-6">
        <Figure
          label="Cost"
          value={<Money micros={run.costMicros} />}
          note={`${run.model ?? 'no model yet'}${run.callCostMicros === '0' ? '' : `; calls of tools ${formatMicros(BigInt(run.callCostMicros))}`}`}
        />
        <Figure
          label="Tokens"
          value={(run.tokens.input + run.tokens.output).toLocaleString('en')}
          note={`${run.tokens.output.toLocaleString('en')} out`}
        />
        <Figure label="Turns" value={run.turns} />
        <Figure label="Tool calls" value={run.toolCalls} note={`${run.deniedCalls} denied`} />
        <Figure label="Escalations" value={run.escalationCount} />
        <Figure label="Took" value={<Took run={run} />} note={run.stopReason?.replaceAll('_', ' ')} />
      </dl>
      <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <Card
          flush
          title="Log"
          actions={
            <span role="status" className="text-[13px] text-muted-foreground">
              {isOpen ? connectionWords[connection] : 'Complete'}
            </span>
          }
        >
          {events.length === 0 ? (
            <p className="px-4 py-8 text-center text-sm text-muted-foreground">
              {isOpen ? (
                'Waiting for the first event…'
              ) : run.demo ? (
                <DemoLog runId={run.id} />
              ) : (
                'This run left no log.'
              )}
            </p>
          ) : (
            <RunLog events={events} agentId={run.agentId} />
          )}
        </Card>
        <div className="space-y-5">
          <Card title="About this run">
            <Facts>
              <Fact label="Agent">
                <Link href={paths.agent(run.agentId)} className="text-accent hover:underline">
                  {run.agentName}
                </Link>{' '}
                v{run.agentVersion}
              </Fact>
              <Fact label="Owner">{run.teamName}</Fact>
              <Fact label="Started">
                <Time value={run.startedAt ?? run.createdAt} /> · {triggerWords[run.trigger]}
                {run.requestedBy && ` · ${run.requestedBy.name}`}
              </Fact>
              <Fact label="Run id">
                <span className="inline-flex items-center gap-1 font-mono text-xs break-all">
                  {run.id} <CopyButton text={run.id} what="run id" />
                </span>
              </Fact>
              {run.claudeSessionId && (
                <Fact label="Session">
                  <span className="inline-flex items-center gap-1 font-mono text-xs break-all">
                    {run.claudeSessionId} <CopyButton text={run.claudeSessionId} what="session id" />
                  </span>
                </Fact>
              )}
              <Fact label="As CLI">
                <code className="text-xs break-all">wheelhouse runs tail {run.id}</code>
              </Fact>
            </Facts>
          </Card>
          <Card title="Escalations">
            <EscalationList escalations={run.escalations} whyNotResolve={whyNotResolve} />
          </Card>
        </div>
      </div>
    </>
  )
}

const connectionWords = { live: 'Live', reconnecting: 'Reconnecting…', over: 'Complete' } as const

function RuleTitle({ before, run }: { before: string; run: RunView }) {
  return (
    <>
      {before}: {run.rule && <RuleLink id={run.rule} agentId={run.agentId} decisionId={run.decisionId} />}
    </>
  )
}

/** Nobody made its calls, so nothing was said: what came of them is in the audit log alone. */
function DemoLog({ runId }: { runId: string }) {
  return (
    <>
      This run belongs to the demo history: nobody made its calls. What the policies and grants of this fleet decided
      about them{' '}
      <Link href={hrefWith(paths.audit(), { run: runId })} className="text-accent underline underline-offset-2">
        stands in the audit log
      </Link>
      .
    </>
  )
}

function Took({ run }: { run: RunView }) {
  if (!run.startedAt || !run.endedAt) return <>–</>
  return <>{formatDuration(Date.parse(run.endedAt) - Date.parse(run.startedAt))}</>
}
