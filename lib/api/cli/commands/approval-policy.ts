import type { Command } from 'commander'
import type { ApprovalRuleView } from '#lib/scopes/schema/approval-policy.ts'
import { createApprovalRuleInput } from '#lib/scopes/schema/approval-policy.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import type { Column } from '../table.ts'
import { oneLine, plain, removalText } from '../text.ts'
import { addShowVerb } from './show-one.ts'

type RuleOptions = {
  number: string
  class: string[]
  environment: string[]
  data: string[]
  tier: string[]
  kind: string[]
  ask: string[]
  inOrder?: boolean
  daysMax?: string
  dueHours: string
  remindAfter: string
  passOn?: string
  passOnTeam?: string
  passOnAfter: string
  passOnTimes: string
  passOnDecides?: boolean
}

/** The verbs about who approves scopes. */
export function addApprovalPolicyCommands(program: Command, setup: Setup): void {
  const policy = program.command('approval-policy').description('Who approves which scope.')
  addVerb(policy, setup, {
    name: 'list',
    says: 'List the rules in the order in which they are asked; the last one fits everything.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.scopes.listApprovalRules, {})
      cli.show(list, () => cli.table(columns, list.items))
    },
  })
  addVerb<RuleOptions>(policy, setup, {
    name: 'add <title>',
    says: `Add a rule. What is left out fits everything; without --ask, what fits is granted at once.
--ask takes roles of which one is needed, divided by commas; twice for two people.`,
    examples: [
      'wheelhouse approval-policy add "Writing on production" --number 10 --class write destructive --environment production --ask security --ask finance,platform_admin --in-order --days-max 90',
    ],
    options: (command) =>
      command
        .option('--number <position>', 'the smallest one that fits holds', '100')
        .option('--class <classes...>', 'read, write, destructive', [])
        .option('--environment <environments...>', 'of the server', [])
        .option('--data <sensitivities...>', 'of the server', [])
        .option('--tier <tiers...>', 'of the agent', [])
        .option('--kind <kinds...>', 'of data behind the server; any of them', [])
        .option(
          '--ask <roles>',
          'one person with one of these roles',
          (roles, before: string[]) => [...before, roles],
          [],
        )
        .option('--in-order', 'the second person is asked when the first has approved')
        .option('--days-max <days>', 'the longest it is granted for')
        .option('--due-hours <hours>', 'in which it should be decided', '24')
        .option('--remind-after <percent>', 'of these hours: then those who are asked are reminded', '75')
        .option('--pass-on <roles>', 'who is told when it is overdue, divided by commas')
        .option('--pass-on-team <team>', 'or a team')
        .option('--pass-on-after <hours>', 'after so many hours more', '24')
        .option('--pass-on-times <number>', 'at most so many times', '1')
        .option('--pass-on-decides', 'they may then decide it too'),
    run: async (cli, { args: [title = ''], options }) => {
      const input = createApprovalRuleInput.safeParse({
        title,
        position: Number(options.number),
        classes: options.class,
        environments: options.environment,
        sensitivities: options.data,
        tiers: options.tier,
        dataClasses: options.kind,
        steps: options.ask.map((roles) => roles.split(',').map((role) => role.trim())),
        inOrder: options.inOrder ?? false,
        daysMax: options.daysMax === undefined ? null : Number(options.daysMax),
        dueHours: Number(options.dueHours),
        remindPercent: Number(options.remindAfter),
        escalation: escalationFrom(options),
      })
      if (!input.success) {
        const [issue] = input.error.issues
        throw new UsageError(`${issue?.path.join('.')}: ${issue?.message}`)
      }
      const made = await (await cli.client()).call(routes.scopes.createApprovalRule, { body: input.data })
      cli.show(made, () =>
        made.waits
          ? `It makes approval easier, so it holds when somebody else confirms it. Rule ${made.ruleId}.`
          : `The rule holds for what is decided from now on. Rule ${made.ruleId}.`,
      )
    },
  })
  addShowVerb(policy, setup, {
    name: 'show <rule>',
    says: 'Show one rule.',
    endpoint: routes.scopes.showApprovalRule,
    request: (id) => ({ params: { id } }),
    columns: columns,
  })
  addVerb(policy, setup, {
    name: 'confirm <rule>',
    says: 'Let a rule hold that somebody else has proposed because it makes approval easier.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.scopes.confirmApprovalRule, { params: { id } })
      cli.show({ id }, () => `Rule ${plain(id)} holds for what is decided from now on.`)
    },
  })
  addVerb<{ reason: string }>(policy, setup, {
    name: 'remove <rule>',
    says: 'End a rule; what waits is decided by the rule that fits then. Where that makes approval easier, a second person does.',
    options: (command) => command.requiredOption('--reason <text>', 'why'),
    run: async (cli, { args: [id = ''], options: { reason } }) => {
      const done = await (
        await cli.client()
      ).call(routes.scopes.removeApprovalRule, { params: { id }, body: { reason } })
      cli.show(done, () => removalText(id, done))
    },
  })
  addVerb(policy, setup, {
    name: 'keep <rule>',
    says: 'Take back that you have asked for the end of a rule: it goes on.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.scopes.withdrawApprovalRuleEnd, { params: { id } })
      cli.show({ id }, () => `Rule ${plain(id)} goes on.`)
    },
  })
}

function escalationFrom({ passOn, passOnTeam, ...options }: RuleOptions) {
  if (passOn === undefined && passOnTeam === undefined) return null
  return {
    roles: passOn === undefined ? [] : passOn.split(',').map((role) => role.trim()),
    teamId: passOnTeam ?? null,
    afterHours: Number(options.passOnAfter),
    times: Number(options.passOnTimes),
    mayDecide: options.passOnDecides ?? false,
  }
}

const columns: Column<ApprovalRuleView>[] = [
  { title: '#', value: ({ id, position }) => (id === null ? 'last' : String(position)), align: 'right' },
  { title: 'RULE', value: ({ title }) => oneLine(title), widthMin: 12 },
  {
    title: 'FITS',
    value: ({ classes, environments, sensitivities, tiers, dataClasses }) =>
      [...classes, ...environments, ...sensitivities, ...dataClasses, ...tiers].join(' ') || 'everything',
    widthMin: 10,
  },
  {
    title: 'ASKS',
    value: ({ steps, inOrder }) =>
      steps.map((roles) => roles.join('|')).join(inOrder ? ' then ' : ' + ') || 'nobody: granted at once',
  },
  { title: 'DAYS', value: ({ daysMax }) => (daysMax === null ? 'open' : String(daysMax)), align: 'right' },
  { title: 'HOURS', value: ({ dueHours }) => String(dueHours), align: 'right', dispensable: 1 },
  { title: 'REMINDS', value: ({ remindPercent }) => `${remindPercent} %`, align: 'right', dispensable: 2 },
  {
    title: 'THEN',
    value: ({ escalation }) =>
      escalation ? [...escalation.roles, ...(escalation.teamId ? [escalation.teamId] : [])].join('|') : '',
    dispensable: 1,
  },
  {
    title: 'WAITS',
    value: ({ inForce, endAsked }) => (inForce ? (endAsked ? 'its end' : '') : 'to hold'),
    dispensable: 1,
  },
  { title: 'ID', value: ({ id }) => id ?? '', dispensable: 2 },
]
