import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import {
  type CreateHoldRuleInput,
  type DecideHeldCallInput,
  decideHeldCallInput,
  deciderRoles,
  excludedDeciders,
  heldCallStates,
  type HeldCallListInput,
  type HeldCallView,
  type HoldRuleView,
  timeoutActions,
} from '#lib/guardrails/schema/held-calls.ts'
import { environments, toolClasses } from '#lib/registry/schema.ts'
import { readConditionLine } from '#lib/registry/schema/condition-words.ts'
import { conditionText } from '#lib/registry/schema/conditions.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { addBypassVerbs } from './hold-bypasses.ts'
import { addInsightVerbs } from './hold-insight.ts'
import { UsageError } from '../errors.ts'
import { type Column, facts } from '../table.ts'
import { count, minute, oneLine, plain, removalText, second } from '../text.ts'
import { choice } from './choices.ts'
import { addShowVerb } from './show-one.ts'

export function addApprovalsCommands(program: Command, setup: Setup): void {
  const approvals = program
    .command('approvals')
    .alias('approval')
    .description('Approvals: calls that are held for a person, and the rules that hold them.')
  addVerb<{ state: string; agent?: string; run?: string; limit: string }>(approvals, setup, {
    name: 'list',
    says: 'List held calls: those that wait, oldest first, or any others.',
    options: (command) =>
      command
        .addOption(choice('--state <state>', 'in this state', [...heldCallStates, 'decided', 'any']).default('waiting'))
        .option('--agent <id>', 'of this agent')
        .option('--run <id>', 'of this run')
        .option('--limit <rows>', 'how many at most', '50'),
    run: async (cli, { options: { state, agent, run, limit } }) => {
      const wanted = state === 'any' ? undefined : (state as HeldCallListInput['state'])
      const query = { state: wanted, agentId: agent, runId: run, limit }
      const list = await (await cli.client()).call(routes.approvals.list, { query })
      cli.show(list, () =>
        list.items.length === 0
          ? 'No call is held.'
          : `${cli.table(heldColumns, list.items)}\n\n${cli.terminal.style('dim', count(list.total, 'call'))}`,
      )
    },
  })
  addVerb(approvals, setup, {
    name: 'show <held-call>',
    says: 'Show a held call: its exact arguments and what the agent answers with it (names only for those who do not see values), who may decide and until when.',
    run: async (cli, { args: [id = ''] }) => {
      const held = await (await cli.client()).call(routes.approvals.show, { params: { id } })
      cli.show(held, () => describeHeld(held))
    },
  })
  addVerb<{ note?: string; for?: string }>(approvals, setup, {
    name: 'approve <held-call>',
    says: 'Approve a held call as it is: it is carried out once.',
    options: (command) => placed(command).option('--note <text>', 'a word for the record'),
    run: (cli, { args: [id = ''], options: { note, for: absent } }) =>
      decide(cli, id, { decision: 'approve', ...placeOf(absent), ...(note ? { note } : {}) }),
  })
  addVerb<{ arguments: string; note?: string; for?: string }>(approvals, setup, {
    name: 'edit <held-call>',
    says: 'Approve a held call with other arguments. They must fit the tool, and the broker decides about them anew.',
    examples: ['wheelhouse approvals edit <held-call> --arguments changed.json'],
    options: (command) =>
      placed(command)
        .requiredOption('--arguments <file>', 'a file with all arguments as one JSON object')
        .option('--note <text>', 'a word for the record'),
    run: async (cli, { args: [id = ''], options: { arguments: file, note, for: absent } }) => {
      const given = await readArguments(file)
      await decide(cli, id, { decision: 'edit', arguments: given, ...placeOf(absent), ...(note ? { note } : {}) })
    },
  })
  addVerb<{ note: string; for?: string }>(approvals, setup, {
    name: 'reject <held-call>',
    says: 'Reject a held call; the agent is given the reason.',
    options: (command) => placed(command).requiredOption('--note <text>', 'why; the agent and its people read it'),
    run: (cli, { args: [id = ''], options: { note, for: absent } }) =>
      decide(cli, id, { decision: 'reject', note, ...placeOf(absent) }),
  })
  addRuleVerbs(approvals, setup)
  addBypassVerbs(approvals, setup)
  addInsightVerbs(approvals, setup)
}

function placed(command: Command): Command {
  return command.option('--for <person>', 'in the place of somebody you stand in for, by id')
}

function placeOf(absent: string | undefined): { forPersonId?: string } {
  return absent === undefined ? {} : { forPersonId: absent }
}

type RuleOptions = {
  title: string
  server?: string
  tool?: string
  class?: string
  environment?: string
  where: string[]
  role: string[]
  exclude: string[]
  seconds: string
  timeout: string
}

function addRuleVerbs(approvals: Command, setup: Setup): void {
  addVerb<{ history?: boolean }>(approvals, setup, {
    name: 'rules',
    says: 'List the rules that hold calls, in the order they are asked.',
    options: (command) => command.option('--history', 'also those that were removed'),
    run: async (cli, { options: { history } }) => {
      const query = history ? { history: 'true' } : {}
      const list = await (await cli.client()).all(routes.approvals.listRules, { query })
      cli.show(list, () => (list.items.length === 0 ? 'No rule holds calls.' : cli.table(ruleColumns, list.items)))
    },
  })
  addVerb<RuleOptions>(approvals, setup, {
    name: 'add-rule',
    says: 'Make a rule that holds calls for a person. What is left out is not asked for; all that is given must hold.',
    examples: [
      'wheelhouse approvals add-rule --title "Large corrections" --server invoices --class write --where "/amount between 1000.." --role team_lead',
    ],
    options: (command) =>
      command
        .requiredOption('--title <text>', 'which calls it holds, in a few words')
        .option('--server <id>', 'on this MCP server')
        .option('--tool <name>', 'only this tool of the server')
        .addOption(choice('--class <class>', 'of this class and those above', [...toolClasses]))
        .addOption(choice('--environment <environment>', 'of servers in it', [...environments]))
        .option('--where <condition>', 'when an argument is so: /amount between 1000.. (may be repeated)', collect, [])
        .option('--role <role>', `who decides: ${deciderRoles.join(', ')} (may be repeated)`, collect, [])
        .option('--exclude <who>', `who does not: ${excludedDeciders.join(', ')} (may be repeated)`, collect, [])
        .option('--seconds <seconds>', 'how long people may take', '900')
        .addOption(choice('--timeout <action>', 'when nobody decides', [...timeoutActions]).default('deny')),
    run: async (cli, { options }) => {
      const body = ruleFrom(options)
      const made = await (await cli.client()).call(routes.approvals.createRule, { body })
      cli.show(made, () => `Rule ${made.ruleId} holds such calls from now on.`)
    },
  })
  addShowVerb(approvals, setup, {
    name: 'show-rule <rule>',
    says: 'Show one rule that holds calls.',
    endpoint: routes.approvals.showRule,
    request: (id) => ({ params: { id } }),
    columns: ruleColumns,
  })
  addVerb<{ reason: string }>(approvals, setup, {
    name: 'remove-rule <rule>',
    says: 'Ask for the end of a rule, or as a second person end it; calls it holds already still wait.',
    options: (command) => command.requiredOption('--reason <text>', 'why; the audit log keeps it'),
    run: async (cli, { args: [id = ''], options: { reason } }) => {
      const done = await (await cli.client()).call(routes.approvals.removeRule, { params: { id }, body: { reason } })
      cli.show(done, () => removalText(id, done))
    },
  })
  addVerb(approvals, setup, {
    name: 'keep-rule <rule>',
    says: 'Take back that you have asked for the end of a rule: it goes on holding calls.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.approvals.withdrawRuleEnd, { params: { id } })
      cli.show({ id }, () => `Rule ${plain(id)} goes on.`)
    },
  })
}

function ruleFrom(options: RuleOptions): CreateHoldRuleInput {
  const conditions = options.where.map((line) => {
    const read = readConditionLine(line)
    if (!read.ok) throw new UsageError(`${JSON.stringify(line)}: ${read.error}`)
    return read.value
  })
  return {
    title: options.title,
    serverId: options.server ?? null,
    toolName: options.tool ?? null,
    class: (options.class as CreateHoldRuleInput['class']) ?? null,
    environment: (options.environment as CreateHoldRuleInput['environment']) ?? null,
    conditions,
    deciderRoles: options.role as CreateHoldRuleInput['deciderRoles'],
    excludedDeciders:
      options.exclude.length > 0
        ? (options.exclude as CreateHoldRuleInput['excludedDeciders'])
        : ['starter', 'accountable'],
    decideSeconds: Number(options.seconds),
    onTimeout: options.timeout as CreateHoldRuleInput['onTimeout'],
  }
}

async function readArguments(file: string): Promise<EditDecision['arguments']> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UsageError(`${file} cannot be read.`)
  })
  try {
    return decideHeldCallInput.options[1].shape.arguments.parse(JSON.parse(text))
  } catch {
    throw new UsageError(`${file} is not one JSON object.`)
  }
}

type EditDecision = Extract<Decision, { decision: 'edit' }>
type Decision = DecideHeldCallInput extends infer D ? (D extends unknown ? Omit<D, 'heldCallId'> : never) : never

async function decide(cli: Cli, id: string, body: Decision): Promise<void> {
  const done = await (await cli.client()).call(routes.approvals.decide, { params: { id }, body })
  const said = { approved: 'approved', edited: 'approved as edited', rejected: 'rejected' } as Record<string, string>
  cli.show(done, () => `Held call ${plain(id)} is ${said[done.state] ?? done.state}.`)
}

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

const heldColumns: Column<HeldCallView>[] = [
  { title: 'ID', value: (held) => held.id },
  { title: 'AGENT', value: (held) => held.agent.id },
  { title: 'CALL', value: callText, widthMin: 12 },
  { title: 'RULE', value: (held) => held.rule.title, widthMin: 10, dispensable: 3 },
  { title: 'STATE', value: (held) => held.state },
  { title: 'UNTIL (UTC)', value: (held) => second(held.expiresAt), dispensable: 1 },
  { title: 'DECIDES', value: (held) => held.deciderRoles.join(' '), widthMin: 8, dispensable: 2 },
]

const ruleColumns: Column<HoldRuleView>[] = [
  { title: 'ID', value: (rule) => rule.id },
  { title: 'ORDER', value: (rule) => String(rule.position), align: 'right', dispensable: 5 },
  { title: 'TITLE', value: (rule) => rule.title, widthMin: 12 },
  { title: 'HOLDS', value: holdsText, widthMin: 12 },
  { title: 'DECIDES', value: (rule) => rule.deciderRoles.join(' '), widthMin: 8, dispensable: 2 },
  { title: 'SECONDS', value: (rule) => String(rule.decideSeconds), align: 'right', dispensable: 3 },
  { title: 'THEN', value: (rule) => rule.onTimeout, dispensable: 4 },
]

function callText(held: HeldCallView): string {
  return held.server ? `${held.server.id}/${held.tool}` : held.tool
}

function holdsText(rule: HoldRuleView): string {
  const where = [rule.serverId, rule.toolName].filter(Boolean).join('/') || 'any server'
  const rest = [rule.class, rule.environment, ...rule.conditions.map(conditionText)].filter(Boolean)
  return oneLine([where, ...rest].join(', '))
}

function describeHeld(held: HeldCallView): string {
  const about = facts([
    ['Held call', `${held.id}, ${held.state}`],
    ['Agent', `${oneLine(held.agent.name)} (${held.agent.id}) version ${held.agent.version}`],
    ['Which is for', oneLine(held.agent.purpose)],
    ['Run', held.runId],
    ['Session', held.session],
    ['Call', `${callText(held)}${held.class ? ` (${held.class})` : ''}`],
    ['It does', held.description === null ? null : oneLine(held.description)],
    [
      'Where',
      held.server
        ? `${held.server.environment}, ${[held.server.sensitivity, ...held.server.dataClasses].join(', ')} data`
        : null,
    ],
    ['Rule', oneLine(held.rule.title)],
    ['Decides', held.deciderRoles.join(', ')],
    ['Until', `${minute(held.expiresAt)} UTC, then ${held.onTimeout}`],
    ['Decided by', held.decidedBy ? oneLine(held.decidedBy.name) : null],
    ['For', held.decidedFor ? oneLine(held.decidedFor.name) : null],
    ['Note', held.note ? oneLine(held.note) : null],
    ['You', held.decidable.allowed ? 'may decide' : oneLine(held.decidable.refusal.message)],
  ])
  if (held.withheld) {
    const { argumentNames, inputResponseNames, message } = held.withheld
    const answers = inputResponseNames ? `\nAnswers of the agent: ${oneLine(inputResponseNames.join(', '))}` : ''
    return `${about}\n\nArguments: ${oneLine(argumentNames.join(', ')) || 'none'}${answers}\n${oneLine(message)}`
  }
  const edited = held.editedArguments ? `\n\nReleased with:\n${jsonText(held.editedArguments)}` : ''
  const answers = held.inputResponses ? `\n\nAnswers of the agent:\n${jsonText(held.inputResponses)}` : ''
  return `${about}\n\nArguments:\n${jsonText(held.arguments)}${answers}${edited}`
}

/** As JSON escapes it: no character of an agent reaches the terminal as a control character. */
function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2)
    .split('\n')
    .map((line) => plain(line))
    .join('\n')
}
