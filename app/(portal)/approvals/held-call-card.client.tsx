'use client'

import Link from 'next/link'
import { useState } from 'react'
import { DataClassBadges, EnvironmentBadge, SensitivityBadge } from '#components/agents/agent-badges.tsx'
import { Countdown } from '#components/approvals/countdown.client.tsx'
import { HeldAnswers } from '#components/approvals/held-answers.tsx'
import { HeldValues } from '#components/approvals/held-values.tsx'
import { JsonDiff } from '#components/approvals/json-block.tsx'
import { jsonText } from '#components/approvals/json-text.ts'
import { InPlaceOf } from '#components/delegation/in-place-of.client.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Field } from '#components/ui/field.tsx'
import { Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { roleNames } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import type { HeldCallView } from '#lib/guardrails/schema/held-calls.ts'
import { decide } from './actions.ts'
import { excludedText } from './excluded-text.ts'

type Mode = 'look' | 'edit' | 'reject'

/** One call that waits: what exactly would happen, why it is held, how long there is, and the decision. */
export function HeldCallCard({
  held,
  skewMs,
  onDecided,
}: {
  held: HeldCallView
  skewMs: number
  onDecided: () => void
}) {
  const [mode, setMode] = useState<Mode>('look')
  const [note, setNote] = useState('')
  const [chosen, setChosen] = useState('')
  // Who stands in for whom can end while one looks: then it is one's own place again.
  const absent = held.standIns.some(({ person }) => person.id === chosen) ? chosen : ''
  const about = { heldCallId: held.id, ...(absent === '' ? {} : { forPersonId: absent }) }
  const [text, setText] = useState(() => jsonText(held.arguments ?? {}))
  const { run, pending, failed } = useAction(decide, ({ state }) => {
    toast.success(`${held.tool}: ${state}.`)
    onDecided()
  })
  const whyNot = held.decidable.allowed ? null : held.decidable.refusal.message
  const edited = parseObject(text)
  const call = held.server ? `${held.server.id}/${held.tool}` : held.tool
  return (
    <Card
      title={
        <span className="flex flex-wrap items-center gap-2">
          <span className="font-mono break-all">{call}</span>
          {held.class && <ScopeBadge toolClass={held.class} environment={held.server?.environment} />}
        </span>
      }
      actions={<Countdown until={held.expiresAt} skewMs={skewMs} />}
    >
      <div className="space-y-4">
        <Facts>
          {held.description && (
            <Fact label="What it does">
              {held.description}
              <span className="block text-[13px] text-muted-foreground">As its server says.</span>
            </Fact>
          )}
          {held.server && (
            <Fact label="Where">
              <span className="flex flex-wrap gap-1">
                <EnvironmentBadge environment={held.server.environment} />
                <SensitivityBadge sensitivity={held.server.sensitivity} />
                <DataClassBadges dataClasses={held.server.dataClasses} />
              </span>
            </Fact>
          )}
          <Fact label="Agent">
            <Link href={paths.agent(held.agent.id)} className="text-accent underline underline-offset-2">
              {held.agent.name}
            </Link>{' '}
            of {held.agent.owner.name}
            <span className="block text-[13px] text-muted-foreground">{held.agent.purpose}</span>
          </Fact>
          <Fact label="Held">
            {held.rule.title} · <Time value={held.createdAt} />
          </Fact>
          <Fact label="May decide">
            {roleNames(held.deciderRoles).join(', ')}
            {held.excludedDeciders.length > 0 && (
              <span className="block text-[13px] text-muted-foreground">
                Not {held.excludedDeciders.map(excludedText).join(', nor ')}.
              </span>
            )}
          </Fact>
          <Fact label="If nobody does">{held.onTimeout === 'allow' ? 'it is allowed' : 'it is refused'}</Fact>
          {held.runId && (
            <Fact label="Run">
              <Link href={paths.run(held.runId)} className="text-accent underline underline-offset-2">
                open its log
              </Link>
            </Fact>
          )}
          {held.session && (
            <Fact label="Session">
              <span className="font-mono text-[13px]">{held.session.slice(0, 12)}</span>
              <span className="block text-[13px] text-muted-foreground">
                Outside of a run. What is approved goes in this session only.
              </span>
            </Fact>
          )}
        </Facts>
        {!held.attended && <Notice kind="warn">Its caller is away now; it may come back for the answer.</Notice>}
        {mode === 'edit' ? (
          <>
            <Field
              label="Arguments"
              hint="All of them, as JSON. They must fit the tool, and the grant is asked again."
              error={edited.ok ? undefined : edited.problem}
            >
              <Textarea
                value={text}
                onChange={(event) => setText(event.target.value)}
                rows={Math.min(16, text.split('\n').length + 1)}
                className="font-mono text-[13px]"
                spellCheck={false}
              />
            </Field>
            {edited.ok && <JsonDiff before={held.arguments} after={edited.value} />}
            {held.inputResponses && <HeldAnswers answers={held.inputResponses} call={call} />}
          </>
        ) : (
          <HeldValues held={held} call={call} />
        )}
        <InPlaceOf standIns={held.standIns} value={absent} onChange={setChosen} />
        {mode === 'reject' && (
          <Field
            label="Reason"
            hint="The agent is given it, and acts on it."
            required
            error={failed?.fields['note']?.[0]}
          >
            <Textarea value={note} onChange={(event) => setNote(event.target.value)} rows={3} maxLength={1000} />
          </Field>
        )}
        {failed && !failed.fields['note'] && (
          <Notice kind="danger" requestId={failed.requestId}>
            {failed.message}
          </Notice>
        )}
        {whyNot && <Notice title="You cannot decide this one">{whyNot}</Notice>}
        {/* On a phone each is a line of its own, to be hit with a thumb. */}
        <div className="grid gap-2 max-sm:[&_button]:h-11 sm:flex sm:flex-wrap">
          {mode === 'look' && (
            <>
              <ActionButton
                variant="primary"
                pending={pending}
                whyNot={whyNot}
                onClick={() => run({ ...about, decision: 'approve' })}
              >
                Approve
              </ActionButton>
              <ActionButton
                whyNot={
                  whyNot ?? (held.source === 'claude' ? 'Claude asks about this call and takes yes or no.' : null)
                }
                onClick={() => setMode('edit')}
              >
                Edit and approve
              </ActionButton>
              <ActionButton variant="danger-outline" whyNot={whyNot} onClick={() => setMode('reject')}>
                Reject
              </ActionButton>
            </>
          )}
          {mode === 'edit' && (
            <Button
              variant="primary"
              pending={pending}
              disabled={!edited.ok || pending}
              onClick={() => edited.ok && run({ ...about, decision: 'edit', arguments: edited.value })}
            >
              Approve as edited
            </Button>
          )}
          {mode === 'reject' && (
            <Button variant="danger" pending={pending} onClick={() => run({ ...about, decision: 'reject', note })}>
              Reject the call
            </Button>
          )}
          {mode !== 'look' && <Button onClick={() => setMode('look')}>Back</Button>}
        </div>
      </div>
    </Card>
  )
}

type Json = Parameters<typeof decide>[0] extends infer I ? (I extends { arguments: infer A } ? A : never) : never

function parseObject(text: string): { ok: true; value: Json } | { ok: false; problem: string } {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ok: true, value: value as Json }
    return { ok: false, problem: 'Arguments are one JSON object.' }
  } catch {
    return { ok: false, problem: 'This is not JSON yet.' }
  }
}
