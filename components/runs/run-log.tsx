import {
  Bot,
  CircleAlert,
  CircleCheck,
  CircleX,
  Coins,
  Gavel,
  Info,
  Megaphone,
  Terminal,
  User,
  Wrench,
} from 'lucide-react'
import Link from 'next/link'
import type { ComponentType, ReactNode } from 'react'
import { escalationWords } from '#components/escalations/escalation-words.ts'
import { RuleLink } from '#components/rules/rule-link.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { cn } from '#components/ui/cn.ts'
import { Money } from '#components/ui/money.tsx'
import { paths } from '#lib/core/paths.ts'
import type { RunEventView } from '#lib/harness/schema.ts'

type CallEvent = Extract<RunEventView, { kind: 'tool_call' }>
type ResultEvent = Extract<RunEventView, { kind: 'tool_result' }>

/** The log of a run, in order: what the agent said, called and got, what was decided, what it cost. A result stands with its call. */
export function RunLog({ events, agentId }: { events: readonly RunEventView[]; agentId: string }) {
  const results = new Map(events.filter(isResult).map((event) => [event.payload.callId, event]))
  const denied = new Set(
    events.flatMap((event) =>
      event.kind === 'decision' && event.payload.decision === 'deny' ? event.payload.callId : [],
    ),
  )
  const calls = new Map(events.filter(isCall).map((event) => [event.payload.callId, event]))
  return (
    <ol aria-label="Run log" className="divide-y">
      {events
        .filter((event) => !isResult(event) || !calls.has(event.payload.callId))
        .map((event) => (
          <Entry
            key={event.seq}
            event={event}
            result={isCall(event) ? results.get(event.payload.callId) : undefined}
            about={{
              agentId,
              serverId: 'callId' in event.payload ? serverOf(calls.get(event.payload.callId)) : undefined,
              tool: 'callId' in event.payload ? toolOf(calls.get(event.payload.callId)) : undefined,
              denied: isCall(event) && denied.has(event.payload.callId),
            }}
          />
        ))}
    </ol>
  )
}

/** A tool that is not offered to the agent stands in the log under its whole name, `server__tool`. */
function serverOf(call: CallEvent | undefined): string | undefined {
  if (!call) return undefined
  const { serverId, name } = call.payload
  return serverId ?? (name.includes('__') ? name.split('__')[0] : undefined)
}

function toolOf(call: CallEvent | undefined): string | undefined {
  return call?.payload.name.split('__').at(-1)
}

function isCall(event: RunEventView): event is CallEvent & RunEventView {
  return event.kind === 'tool_call'
}

function isResult(event: RunEventView): event is ResultEvent & RunEventView {
  return event.kind === 'tool_result'
}

/** Whom a rule in the log was about, for the page that explains it. */
type About = { agentId: string; serverId: string | undefined; tool: string | undefined; denied: boolean }

function Entry({ event, result, about }: { event: RunEventView; result: ResultEvent | undefined; about: About }) {
  const { icon: Icon, tone, title, body } = describe(event, about)
  return (
    <li className="grid grid-cols-[1.25rem_minmax(0,1fr)] gap-x-3 px-4 py-2.5 sm:grid-cols-[1.25rem_minmax(0,1fr)_auto]">
      <Icon aria-hidden className={cn('mt-0.5 size-4', tone)} />
      <div className="min-w-0 space-y-1.5">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1 font-medium">{title}</div>
        {body}
        {result && <Result {...result.payload} />}
      </div>
      <time dateTime={event.at} title={event.at} className="hidden font-mono text-xs text-muted-foreground sm:block">
        {event.at.slice(11, 19)}
      </time>
    </li>
  )
}

type Description = {
  icon: ComponentType<{ className?: string; 'aria-hidden'?: boolean }>
  tone: string
  title: ReactNode
  body?: ReactNode
}

function describe(event: RunEventView, { agentId, serverId, tool, denied }: About): Description {
  switch (event.kind) {
    case 'message':
      return {
        icon: event.payload.role === 'agent' ? Bot : User,
        tone: event.payload.role === 'agent' ? 'text-accent' : 'text-muted-foreground',
        title: { agent: 'Agent', user: 'Task', system: 'System' }[event.payload.role],
        body: <Text text={event.payload.text} truncated={event.payload.truncated} />,
      }
    case 'thinking':
      return {
        icon: Bot,
        tone: 'text-muted-foreground',
        title: <span className="font-normal text-muted-foreground">thinking</span>,
      }
    case 'tool_call':
      return toolCall(event.payload, denied)
    case 'tool_result':
      return {
        icon: event.payload.isError ? CircleX : CircleCheck,
        tone: event.payload.isError ? 'text-danger' : 'text-ok',
        title: event.payload.isError ? 'Tool error' : 'Result',
        body: <Output text={event.payload.text} truncated={event.payload.truncated} />,
      }
    case 'escalation':
      return {
        icon: Megaphone,
        tone: 'text-held',
        title: (
          <>
            <Badge tone="held">{escalationWords[event.payload.kind]}</Badge> {event.payload.title}
          </>
        ),
      }
    case 'decision':
      return {
        icon: Gavel,
        tone: event.payload.decision === 'deny' ? 'text-danger' : 'text-ok',
        title: (
          <>
            {event.payload.decision === 'deny' ? 'Denied' : 'Allowed'}:{' '}
            <RuleLink
              id={event.payload.rule}
              agentId={agentId}
              serverId={serverId}
              decisionId={event.payload.decisionId}
            />
            {/* What is not offered never reached the broker, so no decision is on record. */}
            {!event.payload.decisionId && serverId && tool && (
              <Link
                href={paths.simulate({ agent: agentId, server: serverId, tool })}
                className="text-xs font-normal underline underline-offset-2"
              >
                simulate
              </Link>
            )}
          </>
        ),
        body: <p className="text-muted-foreground">{event.payload.message}</p>,
      }
    case 'usage':
      return {
        icon: Coins,
        tone: 'text-muted-foreground',
        title: (
          <span className="font-normal text-muted-foreground">
            {event.payload.model}: {event.payload.inputTokens.toLocaleString('en')} in,{' '}
            {event.payload.outputTokens.toLocaleString('en')} out, <Money micros={event.payload.costMicros} />
          </span>
        ),
      }
    case 'status':
      return {
        icon: Info,
        tone: 'text-muted-foreground',
        title: (
          <span className="font-normal text-muted-foreground">
            {event.payload.status.replaceAll('_', ' ')}
            {event.payload.stopReason && `: ${event.payload.stopReason.replaceAll('_', ' ')}`}
            {event.payload.rule && (
              <>
                {': '}
                <RuleLink id={event.payload.rule} agentId={agentId} />
              </>
            )}
          </span>
        ),
      }
    case 'error':
      return { icon: CircleAlert, tone: 'text-danger', title: 'Error', body: <p>{event.payload.message}</p> }
    case 'note':
      return {
        icon: Info,
        tone: 'text-muted-foreground',
        title: <span className="font-normal">{event.payload.text}</span>,
      }
  }
}

function toolCall(call: CallEvent['payload'], denied: boolean): Description {
  // A tool that the broker does not offer reaches Claude's log as if it were one of its own.
  const where = denied ? 'not carried out' : places[call.source]
  return {
    icon: call.source === 'sandbox' ? Terminal : Wrench,
    tone: 'text-muted-foreground',
    title: (
      <>
        <code className="text-[13px]">{call.serverId ? `${call.serverId} · ${call.name}` : call.name}</code>
        <span className="text-xs font-normal text-muted-foreground">{where}</span>
        {call.serverId && (
          <Link href={`/servers/${call.serverId}`} className="sr-only">
            Open {call.serverId}
          </Link>
        )}
      </>
    ),
    body: <Output text={inputText(call.input)} truncated={call.truncated} />,
  }
}

const places = { sandbox: 'in the sandbox', mcp: 'through the broker', custom: 'to the harness' } as const

function inputText(input: unknown): string {
  if (typeof input === 'object' && input !== null && 'command' in input && typeof input.command === 'string')
    return input.command
  return JSON.stringify(input, null, 2)
}

function Text({ text, truncated }: { text: string; truncated?: boolean | undefined }) {
  return (
    <p className="break-words whitespace-pre-wrap">
      {text}
      {truncated && <span className="text-muted-foreground"> … (cut)</span>}
    </p>
  )
}

/** What a call gave, below the call. */
function Result({ isError, text, truncated }: ResultEvent['payload']) {
  const Icon = isError ? CircleX : CircleCheck
  return (
    <div className="grid grid-cols-[1rem_minmax(0,1fr)] items-start gap-x-2 text-[13px]">
      <Icon aria-hidden className={cn('mt-0.5 size-3.5', isError ? 'text-danger' : 'text-ok')} />
      <div className="min-w-0">
        <span className="sr-only">{isError ? 'Error: ' : 'Result: '}</span>
        {text.length <= oneLine && !text.includes('\n') ? (
          <p className="break-words text-muted-foreground">{text}</p>
        ) : (
          <Output text={text} truncated={truncated} />
        )}
      </div>
    </div>
  )
}

const oneLine = 160
const shortLines = 6
const shortCharacters = 500

/** Machine output: short ones stand open, long ones fold. */
function Output({ text, truncated }: { text: string; truncated?: boolean | undefined }) {
  if (text === '' || text === '{}') return null
  const whole = truncated ? `${text}\n… (cut)` : text
  const pre = (
    <pre
      className="max-h-96 overflow-auto rounded-md bg-muted px-3 py-2 font-mono text-xs break-words whitespace-pre-wrap"
      tabIndex={0}
      role="region"
      aria-label="Output"
    >
      {whole}
    </pre>
  )
  if (whole.length <= shortCharacters && whole.split('\n').length <= shortLines) return pre
  return (
    <details>
      <summary className="text-[13px] text-muted-foreground">
        {whole.slice(0, 100).replaceAll('\n', ' ')}… ({whole.length.toLocaleString('en')} characters)
      </summary>
      <div className="mt-1.5">{pre}</div>
    </details>
  )
}
