import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { AgentPreview, CreateAgentDraft } from '#lib/lifecycle/schema.ts'
import { type CreationLog, type Tier, tiers } from '#lib/registry/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import type { Client } from '../client.ts'
import { exitCodes, Failed, UsageError } from '../errors.ts'
import { textOfFile } from '../text-file.ts'
import { facts } from '../table.ts'
import { oneLine, plain } from '../text.ts'
import { requestScopeText } from './agent-table.ts'
import { choice } from './choices.ts'
import { personWith } from './people.ts'
import { readScope } from './scope-words.ts'

type Options = {
  template: string
  purpose: string
  name?: string
  owner?: string
  accountable?: string
  tier: Tier
  schedule?: string
  budget?: string
  scope?: string[]
  reason?: string
  ticket?: string
  param?: string[]
  promptFile?: string
  firstRun?: boolean
  adopt?: string
  dryRun?: boolean
  wait: boolean
}

type Layer = NonNullable<CreateAgentDraft['layer']>
type Draft = Omit<CreateAgentDraft, 'layer'> & { layer: Partial<Layer> & Pick<Layer, 'parameters'> }

export function addAgentsCreate(agents: Command, setup: Setup): void {
  addVerb<Options>(agents, setup, {
    name: 'create <id>',
    says: `Register an agent from a golden template and follow its creation.
You are its accountable person, and your team its owner, unless you say otherwise. Scopes that the template does not pre-approve
become requests.`,
    examples: [
      `wheelhouse agents create invoice-reconciler-8 --template invoice-reconciler \\
      --purpose "match invoices to POs" --scope invoices:read "erp write --tool post_correction --days 30 --rate 10/hour" --first-run`,
    ],
    options: (command) =>
      command
        .requiredOption('--template <id[@version]>', 'golden template; its newest version unless one is named')
        .requiredOption('--purpose <text>', 'what it is for')
        .option('--name <text>', 'its name; otherwise made from the id')
        .option('--owner <team>', 'owner team; needed when you are in several')
        .option('--accountable <email>', 'accountable person; otherwise you')
        .addOption(choice('--tier <tier>', 'risk tier', tiers).default('low'))
        .option('--schedule <cron>', 'five cron fields in UTC; otherwise it is started by hand')
        .option('--budget <dollars>', 'dollars a month; otherwise the default')
        .option(
          '--scope <scopes...>',
          'server:class, server:class:tool,tool, or in quotes what `scopes request` takes behind the agent',
        )
        .option('--reason <text>', 'why it needs the scopes that are not pre-approved')
        .option('--ticket <text>', 'where that need is written down: a number or a link')
        .option('--param <pairs...>', 'parameter of the template, as name=value')
        .option('--prompt-file <file>', 'the team’s part of the prompt')
        .option('--first-run', 'start a run when it is ready')
        .option(
          '--adopt <finding>',
          'register what was found unregistered; an agent at Claude stays the same one, and keeps its prompt without --prompt-file',
        )
        .option('--dry-run', 'only show everything that would be created')
        .option('--no-wait', 'do not follow its creation'),
    run: create,
  })
}

async function create(cli: Cli, { args: [id = ''], options }: { args: string[]; options: Options }): Promise<number> {
  const client = await cli.client()
  const body = await draftOf(client, id, options)
  const dryRun = options.dryRun ?? false
  const made =
    options.adopt !== undefined && !dryRun
      ? await client.call(routes.unregistered.adopt, { params: { id: options.adopt }, body })
      : await client.call(routes.agents.create, {
          query: { dryRun: String(dryRun) },
          body: { ...body, layer: { prompt: '', ...body.layer } },
        })
  if ('problems' in made) {
    cli.show(made, () => previewText(made))
    return made.problems.length === 0 ? exitCodes.ok : exitCodes.failed
  }
  if (!options.wait) {
    cli.show(made, () => `${id} is registered and being created.`)
    return exitCodes.ok
  }
  const log = await followCreation(cli, client, id)
  cli.show(log, () => creationEnd(log))
  return log.steps.some(({ state }) => state === 'failed') ? exitCodes.failed : exitCodes.ok
}

async function draftOf(client: Client, id: string, options: Options): Promise<Draft> {
  const me = await client.call(routes.account.me, {})
  const [templateId = '', templateVersion] = options.template.split('@')
  const team = options.owner ?? (me.teamIds.length === 1 ? me.teamIds[0] : undefined)
  if (team === undefined) throw new UsageError('Say which team owns it: --owner <team>.')
  return {
    id,
    name: options.name ?? nameFrom(id),
    purpose: options.purpose,
    ownerTeamId: team,
    accountablePersonId: options.accountable ? await personWith(client, options.accountable) : me.id,
    tier: options.tier,
    templateId,
    ...(templateVersion ? { templateVersion } : {}),
    layer: {
      // Of what is adopted the prompt goes on, unless there is another one.
      ...(options.promptFile === undefined ? {} : { prompt: await textOfFile(options.promptFile) }),
      parameters: Object.fromEntries((options.param ?? []).map(parameterOf)),
    },
    schedule: options.schedule ?? null,
    monthlyBudgetMicros: options.budget === undefined ? null : microsOf(options.budget),
    scopes: (options.scope ?? []).map((text) => scopeOf(text, options)),
    firstRun: options.firstRun ?? false,
  }
}

/** `invoice-reconciler-8` becomes `Invoice reconciler 8`. */
function nameFrom(id: string): string {
  const words = id.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** What a scope does not say itself is said of all of them. */
function scopeOf(text: string, { reason = '', ticket }: { reason?: string; ticket?: string }) {
  return { reason, ...(ticket === undefined ? {} : { ticket }), ...readScope(text) }
}

/** Numbers and true or false as such; the template says what it takes. */
function parameterOf(pair: string): [string, string | number | boolean] {
  const at = pair.indexOf('=')
  if (at < 1) throw new UsageError(`--param ${pair}: write name=value.`)
  const value = pair.slice(at + 1)
  if (value === 'true' || value === 'false') return [pair.slice(0, at), value === 'true']
  return [pair.slice(0, at), /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value]
}

/** Dollars with at most six decimals in micro-dollars, exactly. */
function microsOf(dollars: string): string {
  const match = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(dollars)
  if (!match) throw new UsageError(`--budget ${dollars}: write dollars, such as 25 or 12.50.`)
  return String(BigInt(match[1] ?? '0') * 1_000_000n + BigInt((match[2] ?? '').padEnd(6, '0')))
}

const creationMsMax = 5 * 60_000

/** Prints each step as it ends; returns when none is open any more. */
async function followCreation(cli: Cli, client: Client, id: string): Promise<CreationLog> {
  const shown = new Map<string, string>()
  const deadline = Date.now() + creationMsMax
  for (;;) {
    const log = await client.call(routes.agents.creation, { params: { id } })
    for (const { step, state, detail } of log.steps) {
      if (shown.get(step) === state || state === 'pending') continue
      shown.set(step, state)
      const sign = { running: '…', done: '✓', failed: '✗' }[state]
      cli.terminal.err(`${sign} ${step}${detail ? `: ${oneLine(detail)}` : ''}`)
    }
    const open = log.steps.some(({ state }) => state === 'pending' || state === 'running')
    if (!open || log.steps.some(({ state }) => state === 'failed')) return log
    if (Date.now() > deadline)
      throw new Failed(`${id} is registered, but its creation takes long. It goes on without you.`)
    await sleep(400)
  }
}

function creationEnd(log: CreationLog): string {
  if (log.steps.some(({ state }) => state === 'failed')) return `${log.agentId} could not be created; see above.`
  const took = log.elapsedMs === null ? '' : ` after ${(log.elapsedMs / 1000).toFixed(1)} s`
  const run = log.firstRunId ? `\nFollow its first run with: wheelhouse runs tail ${log.firstRunId}` : ''
  return `${log.agentId} is ${log.status}${took}.${run}`
}

function previewText(preview: AgentPreview): string {
  const scopes = (list: AgentPreview['grants']) =>
    list
      .map((scope) => `${requestScopeText({ ...scope, server: { id: scope.serverId } })}: ${oneLine(scope.because)}`)
      .join('\n')
  const { version, schedule } = preview
  const parts = facts([
    ['Agent', `${preview.agent.id}, ${oneLine(preview.agent.name)}`],
    ['Template', version ? `${version.templateId}@${version.templateVersion}, ${version.model}` : null],
    ['Granted', scopes(preview.grants)],
    ['Requested', scopes(preview.requests)],
    ['Schedule', schedule ? `${schedule.cron}, next ${schedule.nextRuns[0] ?? 'never'}` : null],
    ['Guardrails', preview.guardrails],
    ['Steps', preview.steps.map(({ label }) => label).join('\n')],
  ])
  if (preview.problems.length === 0) return `${parts}\n\n${plain(preview.yaml).trimEnd()}\n\nNothing was created.`
  const problems = preview.problems.map(({ field, message }) => `✗ ${field}: ${oneLine(message)}`).join('\n')
  return `${parts}\n\n${problems}`
}
