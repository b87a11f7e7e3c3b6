import { assertNever } from '#lib/core/errors.ts'
import type { RunEventView, RunRow, RunView } from '#lib/harness/schema.ts'
import type { Cli } from '../cli.ts'
import { type Column, facts } from '../table.ts'
import { costText, count, minute, money, oneLine, plain, second } from '../text.ts'

export const runColumns: Column<RunRow>[] = [
  { title: 'ID', value: (run) => run.id },
  { title: 'AGENT', value: (run) => run.agentId },
  { title: 'STATE', value: stateOf },
  { title: 'BY', value: (run) => run.requestedBy?.name ?? run.trigger, widthMin: 8, dispensable: 4 },
  { title: 'CREATED (UTC)', value: (run) => minute(run.createdAt) },
  { title: 'CALLS', value: (run) => callsOf(run), align: 'right', dispensable: 2 },
  { title: 'ESC', value: (run) => String(run.escalationCount), align: 'right', dispensable: 3 },
  { title: 'COST', value: (run) => money(run.costMicros), align: 'right', dispensable: 1 },
]

export function describeRun(run: RunView, cli: Cli): string {
  const { style } = cli.terminal
  const { tokens } = run
  const about = facts([
    ['Agent', `${oneLine(run.agentName)} (${run.agentId}), version ${run.agentVersion}`],
    ['Team', oneLine(run.teamName)],
    ['State', `${stateOf(run)}${run.stopReason ? `, ${oneLine(run.stopReason)}` : ''}`],
    ['Started', `${minute(run.startedAt)} UTC by ${oneLine(run.requestedBy?.name ?? run.trigger)}`],
    ['Ended', run.endedAt === null ? null : `${minute(run.endedAt)} UTC`],
    ['Model', `${run.model ?? '–'}${run.simulated ? ', simulated' : ''}`],
    ['Calls', callsOf(run)],
    [
      'Tokens',
      `${(tokens.input + tokens.cacheRead + tokens.cacheWrite).toLocaleString('en-US')} in, ${tokens.output.toLocaleString('en-US')} out`,
    ],
    ['Cost', costText(run)],
    ['Error', run.error === null ? null : oneLine(run.error)],
    ['Demo', run.demo ? 'yes: it never ran' : null],
  ])
  const escalations = run.escalations.map(
    ({ kind, title, resolvedAt }) =>
      `${resolvedAt ? ' ' : '▲'} ${kind}: ${oneLine(title)}${resolvedAt ? ' (resolved)' : ''}`,
  )
  const summary = run.summary ? plain(run.summary) : ''
  return [`${style('bold', 'Run')} ${run.id}`, about, escalations.join('\n'), summary]
    .filter(Boolean)
    .join('\n\n')
    .replace('\n\n', '\n')
}

/** One event of the run log as a line; null: nothing worth a line. */
export function eventLine(event: RunEventView, cli: Cli): string | null {
  const said = sayEvent(event, cli)
  return said === null ? null : `${cli.terminal.style('dim', second(event.at))} ${said}`
}

/** How a run ended, in a line. */
export function endLine(run: RunView): string {
  const parts = [callsOf(run, 'call'), count(run.escalationCount, 'escalation'), money(run.costMicros)]
  const rule = run.rule ? ` (rule: ${run.rule})` : ''
  return `Run ${run.state}${rule}: ${parts.join(', ')}.${run.simulated ? ' The model was simulated.' : ''}`
}

function sayEvent(event: RunEventView, { terminal }: Cli): string | null {
  const { style } = terminal
  switch (event.kind) {
    case 'message':
      return `${style('bold', event.payload.role)}  ${indented(event.payload.text)}`
    case 'thinking':
      return null
    case 'tool_call': {
      const { name, serverId, input } = event.payload
      return `→ ${oneLine(serverId ? `${serverId}.${name}` : name)} ${style('dim', shorten(inputText(input)))}`
    }
    case 'tool_result': {
      const { isError, text, rule } = event.payload
      const sign = isError ? style('red', '✗') : '←'
      return `${sign} ${shorten(text)}${rule ? ` (rule: ${rule})` : ''}`
    }
    case 'escalation':
      return style('yellow', `▲ escalated: ${oneLine(event.payload.title)}`)
    case 'decision': {
      const { decision, rule, message } = event.payload
      return decision === 'deny' ? style('red', `✗ denied by ${rule}: ${oneLine(message)}`) : null
    }
    case 'usage': {
      const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens, costMicros } = event.payload
      const tokens = `${inputTokens + cacheReadTokens + cacheWriteTokens} tokens in, ${outputTokens} out`
      return style('dim', `· ${tokens}, ${money(costMicros)}`)
    }
    case 'status': {
      const { status, stopReason, rule } = event.payload
      return `● ${oneLine([...new Set([status, stopReason, rule])].filter(Boolean).join(', '))}`
    }
    case 'error':
      return style('red', `✗ ${oneLine(event.payload.message)}`)
    case 'note':
      return `· ${oneLine(event.payload.text)}`
    default:
      return assertNever(event)
  }
}

function indented(text: string): string {
  return plain(text)
    .trim()
    .replaceAll(/\n(?=.)/g, '\n         ')
}

/** A command as it was given; anything else as JSON. */
function inputText(input: unknown): string {
  if (typeof input === 'string') return input
  const command = typeof input === 'object' && input !== null && 'command' in input ? input.command : undefined
  return typeof command === 'string' ? command : (JSON.stringify(input) ?? '')
}

function stateOf(run: RunRow): string {
  return run.rule ? `${run.state} (${run.rule})` : run.state
}

function callsOf(run: RunRow, unit?: string): string {
  const calls = unit ? count(run.toolCalls, unit) : String(run.toolCalls)
  return run.deniedCalls > 0 ? `${calls} (${run.deniedCalls} denied)` : calls
}

function shorten(text: string): string {
  const line = oneLine(text)
  return line.length > 160 ? `${line.slice(0, 159)}…` : line
}
