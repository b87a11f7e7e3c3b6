import type { Command } from 'commander'
import type { ManifestChange, ManifestPlan } from '#lib/lifecycle/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup, type Verb } from '../cli.ts'
import { ApiRefusal, exitCodes, Failed, problemLines, UsageError } from '../errors.ts'
import { lineDiff } from '#lib/core/line-diff.ts'
import { type ManifestText, readManifests } from '../manifest-files.ts'
import { count, oneLine } from '../text.ts'

type Options = { file: string[]; set?: string; prune?: boolean; dryRun?: boolean; yes?: boolean }

/** A full text takes two minutes at most; the portal gives up earlier than this, its wait for a connection included. */
const applyTimeoutMs = 150_000

/** The same verb as `wheelhouse apply` and `wheelhouse agents apply`. */
export const applyVerb: Verb<Options> = {
  name: 'apply',
  says: `Make the registry say what YAML files say.
Files and whole folders, each with one or many agents separated by ---. The plan is shown first: + is created, ~ changed, = the same, - retired.
Then all of it is applied or, with any problem, nothing; problems come as file:line:column. Applying again changes nothing. With --set
what is created is remembered under that label; --prune retires what the set has created and does not hold any more.`,
  examples: [
    'wheelhouse apply -f agents/',
    'wheelhouse apply -f agents/ --set finance-agents --prune --yes',
    'wheelhouse agents export | wheelhouse apply -f - --yes',
  ],
  options: (command) =>
    shared(command).option('--dry-run', 'only show the plan').option('-y, --yes', 'do not ask before applying'),
  run: apply,
}

const diffVerb: Verb<Options> = {
  name: 'diff',
  says: `Show how the registry differs from YAML files, for a pipeline that watches for drift.
As apply, and nothing is changed. Ends with 0 when nothing differs and with 4 when something does.`,
  examples: ['wheelhouse diff -f agents/ --set finance-agents --prune'],
  options: shared,
  run: diff,
}

export function addGitOpsCommands(program: Command, setup: Setup): void {
  addVerb(program, setup, applyVerb)
  addVerb(program, setup, diffVerb)
}

function shared(command: Command): Command {
  return command
    .requiredOption('-f, --file <paths...>', 'files and folders; - is standard input')
    .option('--set <label>', 'a name of the files as a whole, such as their repository')
    .option('--prune', 'retire what the set has created and does not hold any more')
}

async function apply(cli: Cli, { options }: { options: Options }): Promise<number> {
  const asked = await prepare(cli, options)
  if (!asked) return exitCodes.failed
  const { plan } = asked
  if (options.dryRun || !changesOf(plan)) {
    cli.show(plan, () => `${planText(cli, asked)}\n${summary(plan, options.dryRun ? 'would be' : 'had to be')}`)
    return exitCodes.ok
  }
  if (!cli.json) cli.terminal.out(planText(cli, asked))
  if (!options.yes && !(await agreed(cli, plan))) throw new Failed('Nothing was applied.')
  // What is applied is what was shown: should something else have changed meanwhile, it is refused.
  const done = await send(cli, asked.manifests, { ...options, dryRun: false, plan: plan.digest })
  if (!done) return exitCodes.failed
  cli.show(done, () => summary(done, 'were'))
  return exitCodes.ok
}

async function diff(cli: Cli, { options }: { options: Options }): Promise<number> {
  const asked = await prepare(cli, options)
  if (!asked) return exitCodes.failed
  cli.show(asked.plan, () => `${planText(cli, asked)}\n${summary(asked.plan, 'would be')}`)
  return changesOf(asked.plan) === 0 ? exitCodes.ok : exitCodes.differs
}

type Asked = { manifests: ManifestText; plan: ManifestPlan }

async function prepare(cli: Cli, options: Options): Promise<Asked | null> {
  if (options.prune && options.set === undefined)
    throw new UsageError('--prune needs --set <label>: it retires what that set has created.')
  const manifests = await readManifests(options.file, cli.terminal)
  const plan = await send(cli, manifests, { ...options, dryRun: true })
  return plan && { manifests, plan }
}

/** The plan, or null when the problems were told. */
async function send(
  cli: Cli,
  manifests: ManifestText,
  { dryRun, set, prune, plan }: Options & { plan?: string },
): Promise<ManifestPlan | null> {
  const query = {
    dryRun: String(dryRun ?? false),
    ...(set === undefined ? {} : { set }),
    ...(prune ? { prune: 'true' } : {}),
    ...(plan === undefined ? {} : { plan }),
  }
  try {
    return await (
      await cli.client()
    ).call(routes.agents.apply, { query, body: manifests.text }, { timeoutMs: applyTimeoutMs })
  } catch (error) {
    if (!(error instanceof ApiRefusal) || !error.problem.problems) throw error
    // Editors understand `file:line:column: message`.
    for (const { line, column, message } of error.problem.problems) {
      const at = manifests.placeOf(line ?? 1)
      cli.terminal.err(`${at.file}:${at.line}:${column ?? 1}: ${oneLine(inFiles(message, manifests))}`)
    }
    const detail = `Nothing of ${manifests.files.length === 1 ? manifests.files[0] : count(manifests.files.length, 'file')} was applied.`
    cli.terminal.err(problemLines(new ApiRefusal(error.status, { ...error.problem, problems: [], detail })).join('\n'))
    return null
  }
}

/** Where the server names a line of the whole text, the file it is from. */
function inFiles(message: string, { files, placeOf }: ManifestText): string {
  if (files.length === 1) return message
  return message.replace(/first in line (\d+)/, (_, line: string) => {
    const at = placeOf(Number(line))
    return `first in ${at.file}:${at.line}`
  })
}

async function agreed(cli: Cli, plan: ManifestPlan): Promise<boolean> {
  if (!cli.terminal.interactive) {
    throw new UsageError('Nobody can be asked here: look at the plan with --dry-run, and apply it with --yes.')
  }
  const answer = await cli.terminal.ask(`${summary(plan, 'will be')} Apply it? [y/N] `)
  return /^y(es)?$/i.test(answer.trim())
}

const signs = { create: '+', change: '~', none: '=', prune: '-', would_prune: '?' } as const
const styles = { create: 'green', change: 'yellow', none: 'dim', prune: 'red', would_prune: 'dim' } as const

/** Agents that stay as they are are named only where they are few. */
function planText({ terminal }: Cli, { manifests, plan }: Asked): string {
  const same = plan.changes.filter(({ action }) => action === 'none').length
  const shown = plan.changes.filter(({ action }) => action !== 'none' || same <= 20)
  const lines = shown.map((change) => {
    const at = change.line === 0 ? null : manifests.placeOf(change.line)
    const where = at === null || manifests.files.length === 1 ? '' : terminal.style('dim', `  ${at.file}:${at.line}`)
    const head = terminal.style(styles[change.action], `${signs[change.action]} ${change.id}`)
    return [`${head}${where}`, ...detailOf(change)].join('\n')
  })
  return [...lines, ...(same > 20 ? [`= ${count(same, 'agent')} the same`] : [])].join('\n')
}

function detailOf({ action, changes, fields }: ManifestChange): string[] {
  if (action === 'would_prune') return ['    its set does not hold it any more; --prune retires it']
  if (action !== 'change') return changes.map((text) => `    ${oneLine(text)}`)
  const long = fields.filter(({ before, after }) => `${before}${after}`.includes('\n'))
  const named = new Set(long.map(({ field }) => field))
  const short = changes.filter((text) => !named.has(text))
  return [
    ...short.map((text) => `    ${oneLine(text)}`),
    ...long.flatMap(({ field, before, after }) => [
      `    ${field}:`,
      ...lineDiff(before ?? '', after ?? '').map((line) => `      ${oneLine(line)}`),
    ]),
  ]
}

function changesOf({ changes }: ManifestPlan): number {
  return changes.filter(({ action }) => action !== 'none' && action !== 'would_prune').length
}

function summary({ changes }: ManifestPlan, verb: string): string {
  const by = (action: ManifestChange['action']) => changes.filter((change) => change.action === action).length
  const parts = [`${by('create')} created`, `${by('change')} changed`, `${by('prune')} retired`]
  const left = by('would_prune')
  return `${count(changes.length - left, 'agent')}: ${parts.join(', ')} ${verb === 'were' ? '' : `(${verb})`}`
    .trim()
    .concat(left > 0 ? `; ${left} left over.` : '.')
}
