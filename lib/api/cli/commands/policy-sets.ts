import { type Command, Option } from 'commander'
import {
  type PolicyProblem,
  type PolicySetDetail,
  type PolicySetState,
  policySetStates,
  type PolicySetSummary,
  type PolicyView,
} from '#lib/guardrails/schema/policy-sets.ts'
import type { TrialReport, TrialReports, TrialRow } from '#lib/guardrails/schema/trial-reports.ts'
import type { AnswerOf } from '../../endpoint.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { type Column, facts } from '../table.ts'
import { addPolicyReplayVerbs } from './policy-replays.ts'
import { policySetNumber } from './policy-set-number.ts'
import { readPolicies } from './policy-texts.ts'
import { addTrialTermsVerb } from './policy-trial-terms.ts'
import { minute, oneLine } from '../text.ts'

/** The verbs about the central policies and their life. */
export function addPolicySetCommands(program: Command, setup: Setup): void {
  const sets = program
    .command('policy-sets')
    .alias('policies')
    .description('The central guardrail policies: drafts, what is log-only, what is enforced.')
  addVerb<{ state?: PolicySetState }>(sets, setup, {
    name: 'list',
    says: 'List the policy sets, the newest first; drafts that were thrown away with --state discarded.',
    options: (command) =>
      command.addOption(new Option('--state <state>', 'only those in this state').choices(policySetStates)),
    run: async (cli, { options: { state } }) => {
      const list = await (await cli.client()).all(routes.policySets.list, { query: { state } })
      cli.show(list, () => cli.table(setColumns, list.items))
    },
  })
  addVerb<{ text?: boolean; report?: boolean }>(sets, setup, {
    name: 'show <number>',
    says: 'Show a policy set in plain words: each policy, who set it and what it refused in the last 24 hours.',
    options: (command) =>
      command
        .option('--text', 'its Cedar text alone')
        .option('--report', 'what it would have decided otherwise, by its last replay and while it was log-only'),
    run: async (cli, { args: [number = ''], options: { text, report } }) => {
      const client = await cli.client()
      if (report) {
        const answer = await client.call(routes.policySets.reports, { params: { number: policySetNumber(number) } })
        return cli.show(answer, () => reportsText(cli, answer))
      }
      const set = await client.call(routes.policySets.show, { params: { number: policySetNumber(number) } })
      cli.show(set, () => (text ? set.text.trimEnd() : describe(cli, set)))
    },
  })
  addVerb(sets, setup, {
    name: 'diff <number>',
    says: 'Show by which lines a policy set differs from the one in force.',
    run: async (cli, { args: [number = ''] }) => {
      const set = await show(cli, number)
      const same = `Policy set ${set.number} has the text that is in force.`
      cli.show({ number: set.number, enforced: set.enforced, diff: set.diff }, () => set.diff.join('\n') || same)
    },
  })
  addVerb<{ file: string }>(sets, setup, {
    name: 'check',
    says: `Check policies in files as a draft of them would be, without a connection. Names of agents, teams and servers are not looked up.
It ends with 1 when they do not type-check.`,
    examples: ['wheelhouse policy-sets check -f policies/'],
    options: (command) => command.requiredOption('-f, --file <path>', 'a file, or a folder of .cedar files'),
    run: async (cli, { options: { file } }) => {
      const { checkPoliciesOffline } = await import('#lib/guardrails/queries/policy-files.ts')
      const found = checkPoliciesOffline(await readPolicies(file))
      cli.show(found, () => checkText(found))
      return found.problems.length > 0 ? 1 : 0
    },
  })
  addVerb<{ file: string; note: string; number?: string }>(sets, setup, {
    name: 'draft',
    says: 'Save policies from files as a draft, if they type-check; the same text once more changes nothing.',
    examples: ['wheelhouse policy-sets draft -f policies/ --note "Nothing is changed at night."'],
    options: (command) =>
      command
        .requiredOption('-f, --file <path>', 'a file, or a folder of .cedar files')
        .requiredOption('--note <text>', 'what changes, and why')
        .option('--number <number>', 'the draft that is changed; left out: a new one'),
    run: async (cli, { options: { file, note, number } }) => {
      const body = { text: await readPolicies(file), note }
      const client = await cli.client()
      const done = number
        ? await client.call(routes.policySets.edit, { params: { number: policySetNumber(number) }, body })
        : await client.call(routes.policySets.create, { body })
      const saved = done.changed ? `Policy set ${done.number} is a draft.` : `Policy set ${done.number} is so already.`
      cli.show(done, () => [saved, ...done.warnings.map((warning) => problemText('warning', warning))].join('\n'))
    },
  })
  addVerb<{ end?: boolean }>(sets, setup, {
    name: 'log-only <number>',
    says: 'Let a draft judge live calls beside the set in force: what it would decide otherwise is recorded.',
    options: (command) => command.option('--end', 'make it a draft again'),
    run: async (cli, { args: [number = ''], options: { end } }) => {
      const route = end ? routes.policySets.endLogOnly : routes.policySets.startLogOnly
      const done = await (await cli.client()).call(route, { params: { number: policySetNumber(number) } })
      const now = end ? 'a draft' : 'log-only'
      cli.show(done, () => `Policy set ${policySetNumber(number)} is ${now}${done.changed ? '' : ' already'}.`)
    },
  })
  addVerb<{ withoutReplay?: string; emptyReplay?: string }>(sets, setup, {
    name: 'enforce <number>',
    says: `Put a policy set in force. Somebody else than who wrote it does this, after a replay that met calls or long enough in log-only
("policy-sets terms"). Reasons are kept with the set and in the audit log.`,
    options: (command) =>
      command
        .option('--without-replay <reason>', 'why neither was done')
        .option('--empty-replay <reason>', 'why although the replay met no call'),
    run: async (cli, { args: [number = ''], options: { withoutReplay = null, emptyReplay = null } }) => {
      const { version, enforced, number: set } = await show(cli, number)
      const body = { version, replaces: enforced?.number ?? null, withoutReplay, emptyReplay }
      const done = await (await cli.client()).call(routes.policySets.enforce, { params: { number: set }, body })
      cli.show(done, () => enforcedText(done))
    },
  })
  addVerb<{ reason: string }>(sets, setup, {
    name: 'rollback <number>',
    says: 'Put a policy set in force again that was before.',
    options: (command) => command.requiredOption('--reason <text>', 'why; the audit log keeps it'),
    run: async (cli, { args: [number = ''], options: { reason } }) => {
      const { enforced, number: set } = await show(cli, number)
      const body = { replaces: enforced?.number ?? null, reason }
      const done = await (await cli.client()).call(routes.policySets.rollBack, { params: { number: set }, body })
      cli.show(done, () => enforcedText(done))
    },
  })
  addVerb(sets, setup, {
    name: 'discard <number>',
    says: 'Throw a draft away for good. What was ever log-only or enforced is kept.',
    run: async (cli, { args: [number = ''] }) => {
      const { version, number: set } = await show(cli, number)
      const done = await (
        await cli.client()
      ).call(routes.policySets.discard, { params: { number: set }, body: { version } })
      cli.show(done, () => `Policy set ${set} is thrown away${done.changed ? '' : ' already'}.`)
    },
  })
  addTrialTermsVerb(sets, setup)
  addPolicyReplayVerbs(sets, setup)
}

async function show(cli: Cli, number: string): Promise<PolicySetDetail> {
  return await (await cli.client()).call(routes.policySets.show, { params: { number: policySetNumber(number) } })
}

function enforcedText({ number, superseded, changed }: AnswerOf<typeof routes.policySets.enforce>): string {
  if (!changed) return `Policy set ${number} is in force already.`
  return `Policy set ${number} is in force${superseded === null ? '' : `, in the place of ${superseded}`}.`
}

function describe(cli: Cli, set: PolicySetDetail): string {
  const lines = facts([
    ['State', set.state.replace('_', '-')],
    ['Version', set.version],
    ['What changed', oneLine(set.note)],
    ['Written by', `${set.changedBy}, ${minute(set.changedAt)}`],
    ['Enforced', set.enforcedAt ? `${set.enforcedBy ?? ''}, ${minute(set.enforcedAt)}` : 'never'],
    ['Tried', set.trial.says.map(oneLine).join(' ')],
    ...(set.emptyReplay ? ([['Empty replay', oneLine(set.emptyReplay)]] as const) : []),
    ...(set.discardedAt ? ([['Thrown away', `${set.discardedBy ?? ''}, ${minute(set.discardedAt)}`]] as const) : []),
    ...(set.withoutReplay ? ([['Without replay', oneLine(set.withoutReplay)]] as const) : []),
  ])
  const found = [
    ...set.problems.map((problem) => problemText('error', problem)),
    ...set.warnings.map((warning) => problemText('warning', warning)),
  ]
  return [`Policy set ${set.number}`, lines, cli.table(ruleColumns, set.rules), ...found].join('\n\n')
}

function reportsText(cli: Cli, { replay, logOnly }: TrialReports): string {
  const parts = [
    replay ? reportText(cli, 'Replay', replay) : 'This text was never replayed.',
    logOnly ? reportText(cli, 'Log-only', logOnly) : 'This text was never log-only.',
  ]
  return parts.join('\n\n')
}

function reportText(cli: Cli, title: string, { from, to, says, rows }: TrialReport): string {
  const said = `${title}, ${minute(from)} to ${minute(to)}: ${says.join(' ')}`
  return rows.length === 0 ? said : `${said}\n\n${cli.table(reportColumns, rows)}`
}

function checkText({ problems, warnings }: { problems: PolicyProblem[]; warnings: PolicyProblem[] }): string {
  const lines = [
    ...problems.map((problem) => problemText('error', problem)),
    ...warnings.map((warning) => problemText('warning', warning)),
  ]
  return lines.join('\n') || 'They type-check.'
}

function problemText(kind: string, { policyId, line, column, message, help }: PolicyProblem): string {
  const where = policyId ? ` (${policyId})` : ''
  return `${line}:${column} ${kind}${where}: ${oneLine(message)}${help ? ` ${oneLine(help)}` : ''}`
}

const setColumns: Column<PolicySetSummary>[] = [
  { title: '#', value: ({ number }) => String(number), align: 'right' },
  { title: 'STATE', value: ({ state }) => state.replace('_', '-') },
  { title: 'WHAT CHANGED', value: ({ note }) => oneLine(note), widthMin: 16 },
  { title: 'BY', value: ({ changedBy }) => oneLine(changedBy) },
  { title: 'WHEN', value: ({ changedAt }) => minute(changedAt) },
  { title: 'ENFORCED', value: ({ enforcedAt }) => (enforcedAt ? minute(enforcedAt) : ''), dispensable: 1 },
  { title: 'POLICIES', value: ({ policies }) => String(policies), align: 'right', dispensable: 2 },
]

const ruleColumns: Column<PolicyView>[] = [
  { title: 'POLICY', value: ({ id }) => id },
  { title: 'SAYS', value: ({ title }) => oneLine(title), widthMin: 16 },
  { title: 'SET BY', value: ({ since }) => `${oneLine(since.by)} in ${since.number}` },
  {
    title: 'REFUSED 24 H',
    value: ({ effect, refused24h }) => (effect === 'permit' ? '' : String(refused24h)),
    align: 'right',
  },
]

const reportColumns: Column<TrialRow>[] = [
  { title: 'AGENT', value: ({ agentId }) => agentId },
  { title: 'TOOL', value: ({ serverId, tool }) => oneLine(`${serverId}/${tool}`), widthMin: 12 },
  { title: 'WOULD', value: ({ kind, rule }) => (kind === 'blocked' ? `refuse: ${rule}` : 'permit') },
  { title: 'INSTEAD OF', value: ({ refusedBy }) => refusedBy ?? 'allowed' },
  { title: 'CALLS', value: ({ calls }) => String(calls), align: 'right' },
  { title: 'LAST', value: ({ lastDecision }) => lastDecision ?? '', dispensable: 1 },
]
