import type { Command } from 'commander'
import { z } from 'zod'
import { roleLabel } from '#lib/auth/permissions.ts'
import { formatMicros } from '#lib/core/money.ts'
import {
  type DecisionExplanation,
  type Explanation,
  type LimitUsage,
  runTriggers,
  type SimulationView,
} from '#lib/guardrails/schema/explanation.ts'
import { rateNote } from '#lib/guardrails/rules/known-rates.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { facts } from '../table.ts'
import { minute, oneLine, plain } from '../text.ts'
import { choice } from './choices.ts'

/** Why something was decided as it was, and what would be decided. */
export function addDecisionsCommands(program: Command, setup: Setup): void {
  addVerb(program, setup, {
    name: 'explain <decision>',
    says: 'Say why a call was refused, held or allowed, by the id of its decision, and whether it would be now.',
    run: async (cli, { args: [id = ''] }) => {
      const explained = await (await cli.client()).call(routes.decisions.explain, { params: { id } })
      cli.show(explained, () => `${explanationText(explained)}${nowText(explained)}`)
    },
  })
  addVerb<SimulateOptions>(program, setup, {
    name: 'simulate <agent> <server/tool>',
    says: `Say what the broker would decide about a call, step by step. Nothing is called or counted.
A method stands in the place of a tool as method:resources/read.`,
    examples: [
      `wheelhouse simulate invoice-reconciler-7 erp/post_entry --args '{"amount": 1200}'`,
      'wheelhouse simulate invoice-reconciler-7 erp/post_entry --any-args --at 2027-01-01',
    ],
    options: (command) =>
      command
        .option('--args <json>', 'the arguments, as a JSON object', '{}')
        .option('--any-args', 'whatever the arguments are')
        .option('--at <instant>', 'then instead of now: 2026-11-25T10:00:00Z, or a day for its beginning in UTC')
        .addOption(choice('--started-by <trigger>', 'in a run that was started so', runTriggers))
        .option(
          '--behind <person>',
          'by its id, who started that run or issued the credential; otherwise that is not known',
        )
        .option('--simulated-model', 'in a run that the scripted model answers')
        .option('--policy-set <number>', 'judged by this set of central policies, enforced or not'),
    run: async (cli, { args: [agentId = '', target = ''], options }) => {
      const slash = target.indexOf('/')
      if (slash < 1 || slash === target.length - 1)
        throw new UsageError('Name the tool with its server: erp/post_entry.')
      const body = {
        agentId,
        serverId: target.slice(0, slash),
        tool: target.slice(slash + 1),
        arguments: options.anyArgs ? null : argumentsOf(options.args ?? '{}'),
        simulatedModel: options.simulatedModel ?? false,
        startedBy: options.startedBy ?? null,
        behindId: options.behind ?? null,
        ...(options.at === undefined ? {} : { at: options.at }),
        ...(options.policySet === undefined ? {} : { policySet: Number(options.policySet) }),
      }
      const simulated = await (await cli.client()).call(routes.decisions.simulate, { body })
      cli.show(simulated, () => `${explanationText(simulated)}${limitsText(simulated)}`)
    },
  })
}

type SimulateOptions = {
  args?: string
  anyArgs?: boolean
  at?: string
  startedBy?: (typeof runTriggers)[number]
  behind?: string
  simulatedModel?: boolean
  policySet?: string
}

const argumentsObject = z.record(z.string(), z.json())

function argumentsOf(text: string): z.infer<typeof argumentsObject> {
  try {
    return argumentsObject.parse(JSON.parse(text))
  } catch {
    throw new UsageError('--args takes a JSON object: {"amount": 1200}.')
  }
}

const marks = { passed: '✓', refused: '✗', held: '⏸', broken_off: '✂', not_reached: '·', unknown: '?' } as const

function explanationText(explained: Explanation): string {
  const { about, steps, rule, setBy, changedBy, usage } = explained
  const head = facts([
    [
      'Outcome',
      `${explained.outcome}${rule === null ? '' : ` by the rule ${plain(rule)}`}: ${oneLine(explained.title)}`,
    ],
    ['At', minute(explained.at)],
    ['Agent', about.agent?.id ?? null],
    ['Tool', about.tool === null ? null : `${about.server?.id ?? '–'}/${plain(about.tool)}`],
    ['Run', about.runId],
    ['What was said', explained.message && plain(explained.message)],
    ['Facts', factsText(explained.facts)],
    ['Used', usage && usageText(usage)],
    ['Set by', setBy && setByText(setBy)],
    ['Who can change it', changedBy && changedByText(changedBy)],
    ['What to do', explained.remedy],
    ['Next', explained.next.map(({ label, link }) => `${oneLine(label)}: ${link}`).join('\n')],
  ])
  if (steps.length === 0) return head
  const lines = steps.map(
    ({ outcome, title, note }) => `  ${marks[outcome]} ${title}${note === null ? '' : `\n      ${oneLine(note)}`}`,
  )
  return `${head}\n\nSteps\n${lines.join('\n')}`
}

function factsText(known: Explanation['facts']): string {
  return Object.entries(known)
    .map(([name, value]) => `${name}: ${oneLine(String(value ?? '–'))}`)
    .join('\n')
}

function usageText({ used, limit, unit, per, freeAt }: LimitUsage): string {
  const amount = (number: number) =>
    unit === 'micro-dollars' ? formatMicros(BigInt(Math.round(number))) : String(number)
  const of = unit === 'micro-dollars' ? '' : ` ${unit}`
  const time = per === null ? 'at once' : `a ${per}`
  return `${amount(used)} of ${amount(limit)}${of} ${time}${freeAt === null ? '' : `, free again at ${freeAt}`}`
}

function setByText({ text, by, at, reason }: NonNullable<Explanation['setBy']>): string {
  if (by === null) return text
  return `${oneLine(by.name)}${at === null ? '' : `, ${minute(at)}`}${reason === null ? '' : `: ${oneLine(reason)}`}`
}

function changedByText({ roles, how, people, others }: NonNullable<Explanation['changedBy']>): string {
  const names = people.map(({ name }) => oneLine(name)).join(', ')
  const who = names === '' ? '' : ` (${names}${others > 0 ? ` and ${others} more` : ''})`
  return `${roles.map(roleLabel).join(', ')}${who}. ${how}`.replace(/^\. /, '')
}

function nowText({ now }: DecisionExplanation): string {
  if (!now) return ''
  const said = now.rule === null ? now.outcome : `${now.outcome} by ${plain(now.rule)}`
  const because = now.because.map(({ text }) => `\n  ${oneLine(text)}`).join('')
  return `\n\nNow: ${now.differs ? `it would be ${said}.` : 'the same.'}${because}`
}

function limitsText({ rates, policyVersion }: SimulationView): string {
  const lines = rates.map((rate) => `\n${oneLine(rateNote(rate))}`)
  return `\n\nPolicies ${plain(policyVersion)}${lines.join('')}`
}
