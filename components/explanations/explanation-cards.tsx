import Link from 'next/link'
import type { ReactNode } from 'react'
import { RuleLink } from '#components/rules/rule-link.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { roleLabel } from '#lib/auth/permissions.ts'
import { formatMicros } from '#lib/core/money.ts'
import { paths } from '#lib/core/paths.ts'
import type { Explanation, LimitUsage } from '#lib/guardrails/schema/explanation.ts'
import { FactsList } from './facts-list.tsx'
import { StepsList } from './steps-list.tsx'

/** How something was decided, as a word. */
export function OutcomeBadge({ outcome }: { outcome: Explanation['outcome'] }) {
  const tones = { allowed: 'ok', refused: 'danger', held: 'held', ended: 'danger' } as const
  return <Badge tone={tones[outcome]}>{outcome}</Badge>
}

/** What was decided, by which rule, who set it, who can change it, and where to go from here. */
export function DecisionCard({ explained, actions }: { explained: Explanation; actions?: ReactNode }) {
  const { about, rule, message, setBy, changedBy, usage, remedy, next } = explained
  // Of a call that was ended, whether it had been sent comes first: it may have been carried out.
  const brokenOff = explained.steps.find(({ outcome }) => outcome === 'broken_off')?.note
  return (
    <Card title="The decision">
      <Facts>
        <Fact label="Said">{brokenOff ?? message ?? explained.meaning}</Fact>
        {rule !== null && (
          <Fact label="Rule">
            <RuleLink id={rule} agentId={about.agent?.id} serverId={about.server?.id} as="id" /> {explained.meaning}
          </Fact>
        )}
        {about.agent && (
          <Fact label="Agent">
            <Link href={paths.agent(about.agent.id)} className="text-accent underline underline-offset-2">
              {about.agent.name}
            </Link>
          </Fact>
        )}
        {about.actor && (
          <Fact label="Who">
            {about.actor.name} ({about.actor.kind})
          </Fact>
        )}
        {about.server && (
          <Fact label="Tool">
            <Link href={paths.server(about.server.id)} className="text-accent underline underline-offset-2">
              {about.server.name}
            </Link>{' '}
            · <code className="text-[13px] break-all">{about.tool}</code>
            {about.class && ` · ${about.class}`}
          </Fact>
        )}
        {usage && <Fact label="Used">{usageText(usage)}</Fact>}
        {setBy && (
          <Fact label="Set by">
            <SetByText setBy={setBy} />
          </Fact>
        )}
        {changedBy && (
          <Fact label="Who can change it">
            <ChangedByText changedBy={changedBy} />
          </Fact>
        )}
        {remedy && <Fact label="What to do">{remedy}</Fact>}
      </Facts>
      {(next.length > 0 || actions) && (
        <div className="mt-4 flex flex-wrap gap-2">
          {next.map(({ link, label }, at) => (
            <Button key={link} asChild variant={at === 0 && explained.outcome === 'refused' ? 'primary' : 'secondary'}>
              <Link href={link}>{label}</Link>
            </Button>
          ))}
          {actions}
        </div>
      )}
    </Card>
  )
}

/** The steps in order, and the facts that mattered. */
export function PrecedenceCard({ explained }: { explained: Explanation }) {
  return (
    <>
      {explained.steps.length > 0 && (
        <Card flush title="Step by step" description="In the order of precedence: the first that refuses wins.">
          <StepsList steps={explained.steps} />
        </Card>
      )}
      <Card title="Facts that mattered">
        <FactsList facts={explained.facts} />
      </Card>
    </>
  )
}

function SetByText({ setBy: { text, by, at, reason } }: { setBy: NonNullable<Explanation['setBy']> }) {
  if (!by) return <>{text}</>
  return (
    <>
      {by.kind === 'system' ? `The ${by.name}` : by.name} {at && <Time value={at} />}
      {reason && <span className="block text-muted-foreground">{reason}</span>}
      <span className="block text-[13px] text-muted-foreground">{text}</span>
    </>
  )
}

function ChangedByText({ changedBy }: { changedBy: NonNullable<Explanation['changedBy']> }) {
  const { roles, how, people, others } = changedBy
  return (
    <>
      {roles.length > 0 && `${roles.map(roleLabel).join(', ')}. `}
      {how}
      {people.length > 0 && (
        <span className="block text-muted-foreground">
          {people.map(({ name }) => name).join(', ')}
          {others > 0 && ` and ${others} more`}
        </span>
      )}
    </>
  )
}

function usageText({ used, limit, unit, per, freeAt }: LimitUsage): ReactNode {
  const amount = (value: number) =>
    unit === 'micro-dollars' ? formatMicros(BigInt(Math.round(value))) : value.toLocaleString('en')
  return (
    <>
      {amount(used)} of {amount(limit)} {unit !== 'micro-dollars' && unit} {per === null ? 'at once' : `a ${per}`}
      {freeAt && (
        <>
          ; free again <Time value={freeAt} />
        </>
      )}
    </>
  )
}
