import type { Command } from 'commander'
import { type ToolClass, toolClasses } from '#lib/registry/schema.ts'
import type { ArgumentCondition, CallRate } from '#lib/registry/schema/conditions.ts'
import { type ScopeRequestListQuery, scopeRequestStates } from '#lib/scopes/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { count, minute, oneLine, plain } from '../text.ts'
import { choice } from './choices.ts'
import { describeRequest } from './scope-request-text.ts'
import { collect, limitsFrom, whereHelp } from './scope-limits.ts'
import { type ScopeOptions, scopeOptions, wantedScope } from './scope-words.ts'
import { addReviseVerb } from './scopes-revise.ts'
import { addUsageVerbs } from './usage.ts'
import { asOfOption } from './history.ts'
import { grantsText, requestColumns } from './scope-columns.ts'
import { addWaitingVerb } from './scopes-waiting.ts'

export function addScopesCommands(program: Command, setup: Setup): void {
  const scopes = program
    .command('scopes')
    .alias('scope')
    .description('Scopes: what agents may reach, asked for and granted.')
  addVerb<{ state: string; agent?: string; server?: string; limit: string }>(scopes, setup, {
    name: 'list',
    says: 'List scope requests: those that wait, oldest first, or any others.',
    options: (command) =>
      command
        .addOption(choice('--state <state>', 'in this state', [...scopeRequestStates, 'any']).default('pending'))
        .option('--agent <id>', 'of this agent')
        .option('--server <id>', 'on this MCP server')
        .option('--limit <rows>', 'how many at most', '50'),
    run: async (cli, { options: { state, agent, server, limit } }) => {
      const wanted = state === 'any' ? undefined : (state as ScopeRequestListQuery['state'])
      const query = { state: wanted, agentId: agent, serverId: server, limit }
      const list = await (await cli.client()).call(routes.scopes.list, { query })
      cli.show(list, () =>
        list.items.length === 0
          ? 'There is no such request.'
          : `${cli.table(requestColumns, list.items)}\n\n${cli.terminal.style('dim', count(list.total, 'request'))}`,
      )
    },
  })
  addVerb(scopes, setup, {
    name: 'show <request>',
    says: 'Show a request with what it takes to decide it: what is held, what it would reach, peers, past denials.',
    run: async (cli, { args: [id = ''] }) => {
      const request = await (await cli.client()).call(routes.scopes.show, { params: { id } })
      cli.show(request, () => describeRequest(request))
    },
  })
  addVerb<{ asOf?: string }>(scopes, setup, {
    name: 'grant <id>',
    says: 'Show one grant, also one that ended.',
    options: (command) => command.option(...asOfOption),
    run: async (cli, { args: [id = ''], options: { asOf } }) => {
      const found = await (await cli.client()).call(routes.scopes.showGrant, { params: { id }, query: { asOf } })
      cli.show(found, () => grantsText([found], cli))
    },
  })
  addVerb<{ agent?: string; server?: string; history?: boolean; asOf?: string }>(scopes, setup, {
    name: 'grants',
    says: 'List grants of an agent or on a server, with their ids.',
    options: (command) =>
      command
        .option('--agent <id>', 'of this agent')
        .option('--server <id>', 'on this MCP server')
        .option('--history', 'also those that ended')
        .option(...asOfOption),
    run: async (cli, { options: { agent, server, history, asOf } }) => {
      const query = { agentId: agent, serverId: server, asOf, ...(history ? { history: 'true' } : {}) }
      const list = await (await cli.client()).all(routes.scopes.listGrants, { query })
      cli.show(list, () => (list.items.length === 0 ? 'There is no such grant.' : grantsText(list.items, cli)))
    },
  })
  addVerb<RequestOptions>(scopes, setup, {
    name: 'request <agent> <server> [class]',
    says: `Ask for a scope for an agent.
A class covers those below it: ${toolClasses.join(' < ')}. With --tool it may be left out: no wider one is asked for than the tools need.`,
    examples: [
      'wheelhouse scopes request invoice-reconciler-7 erp write --days 30 --reason "Post confirmed corrections."',
      'wheelhouse scopes request invoice-reconciler-7 erp --tool post_correction --rate 10/hour --reason "Post confirmed corrections."',
    ],
    options: (command) => scopeOptions(command.requiredOption('--reason <text>', 'what the agent needs it for')),
    run: request,
  })
  addVerb<ApproveOptions>(scopes, setup, {
    name: 'approve <request>',
    says: `Approve a request of somebody else, for as long as was asked or shorter.
With --class, --tool, --where and --rate it is narrowed: conditions that were asked for stay, write them again with what you add.`,
    options: (command) =>
      revised(command)
        .option('--days <days>', 'for so many days')
        .addOption(choice('--class <class>', 'a class below the one that was asked for', toolClasses))
        .option('--tool <name>', 'only this tool of it (may be repeated)', collect, [])
        .option('--note <text>', 'a word to the requester')
        .option('--where <condition>', whereHelp, collect, [])
        .option('--rate <rate>', 'at most so often: 10/minute or 100/hour'),
    run: (
      cli,
      { args: [id = ''], options: { days, note, revision, for: absent, class: toolClass, tool, ...limits } },
    ) =>
      decide(cli, id, {
        decision: 'approve',
        ...seen({ ...(revision ? { revision } : {}), ...(absent ? { for: absent } : {}) }),
        ...(days ? { days: Number(days) } : {}),
        ...(toolClass === undefined ? {} : { class: toolClass as ToolClass }),
        ...(tool.length === 0 ? {} : { toolNames: tool }),
        ...(note ? { note } : {}),
        ...limitsFrom(limits),
      }),
  })
  addVerb<{ note: string } & Seen>(scopes, setup, {
    name: 'reject <request>',
    says: 'Reject a request.',
    options: (command) => revised(command).requiredOption('--note <text>', 'why; the requester reads it'),
    run: (cli, { args: [id = ''], options: { note, ...which } }) =>
      decide(cli, id, { decision: 'reject', note, ...seen(which) }),
  })
  addVerb<{ note: string } & Seen>(scopes, setup, {
    name: 'send-back <request>',
    says: 'Ask the requester for changes.',
    options: (command) => revised(command).requiredOption('--note <text>', 'what to change; the requester reads it'),
    run: (cli, { args: [id = ''], options: { note, ...which } }) =>
      decide(cli, id, { decision: 'request_changes', note, ...seen(which) }),
  })
  addWaitingVerb(scopes, setup)
  addReviseVerb(scopes, setup)
  addUsageVerbs(scopes, setup)
  addVerb(scopes, setup, {
    name: 'withdraw <request>',
    says: 'Take back a request of your own while it waits.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.scopes.withdraw, { params: { id } })
      cli.show({ withdrawn: id }, () => `Request ${plain(id)} is withdrawn.`)
    },
  })
  addVerb<{ reason: string; proposedOver?: string }>(scopes, setup, {
    name: 'revoke <grant>',
    says: 'End a grant; brokers refuse within a second, and everything while they cannot read the registry.',
    options: (command) =>
      command
        .requiredOption('--reason <text>', 'why; the owner reads it')
        .option('--proposed-over <days>', 'only if the calls of so many days still propose it'),
    run: async (cli, { args: [id = ''], options: { reason, proposedOver } }) => {
      const body = { reason, ...(proposedOver === undefined ? {} : { proposedOver: Number(proposedOver) }) }
      await (await cli.client()).call(routes.scopes.revokeGrant, { params: { id }, body })
      cli.show({ revoked: id }, () => `Grant ${plain(id)} is revoked.`)
    },
  })
}

async function request(cli: Cli, { args, options }: { args: string[]; options: RequestOptions }): Promise<void> {
  const [agentId = '', serverId = '', toolClass] = args
  const body = { agentId, serverId, ...wantedScope(toolClass, options), reason: options.reason }
  const made = await (await cli.client()).call(routes.scopes.request, { body })
  cli.show(made, () =>
    [
      made.grantIds.length === 0
        ? `Asked for. Request ${made.requestId} waits for approval.`
        : `Granted at once, as the approval policy says. ${grantIdsText(made.grantIds)}`,
      ...(made.says === null ? [] : [oneLine(made.says)]),
    ].join('\n'),
  )
}

type ApproveOptions = {
  days?: string
  class?: string
  tool: string[]
  note?: string
  revision?: string
  for?: string
  where: string[]
  rate?: string
}

type RequestOptions = ScopeOptions & { reason: string }

/** Once a request was changed, a decision names what was read. */
function revised(command: Command): Command {
  return command
    .option('--revision <number>', 'which one you have read; needed once it was changed')
    .option('--for <person>', 'in the place of somebody you stand in for, by id')
}

type Seen = { revision?: string; for?: string }

function seen({ revision, for: forPersonId }: Seen): { revision?: number; forPersonId?: string } {
  return {
    ...(revision === undefined ? {} : { revision: Number(revision) }),
    ...(forPersonId === undefined ? {} : { forPersonId }),
  }
}

type Decision = { revision?: number; forPersonId?: string } & (
  | {
      decision: 'approve'
      days?: number
      class?: ToolClass
      toolNames?: string[]
      note?: string
      conditions?: ArgumentCondition[]
      rate?: CallRate
    }
  | { decision: 'reject' | 'request_changes'; note: string }
)

async function decide(cli: Cli, id: string, body: Decision): Promise<void> {
  const done = await (await cli.client()).call(routes.scopes.decide, { params: { id }, body })
  cli.show(done, () => {
    if (body.decision === 'reject') return `Request ${plain(id)} is rejected.`
    if (body.decision === 'request_changes') return `Request ${plain(id)} waits for its requester.`
    if (done.waitsFor.length > 0) {
      const roles = done.waitsFor.map((each) => each.join(' or ')).join(' and ')
      return `Your approval is noted. It still waits for ${roles}.`
    }
    const until = done.expiresAt === null ? 'until it is revoked' : `until ${minute(done.expiresAt)} UTC`
    return `Approved ${until}. ${grantIdsText(done.grantIds)}`
  })
}

function grantIdsText(ids: readonly string[]): string {
  return ids.length === 1 ? `Grant ${ids[0]}.` : `Grants ${ids.join(', ')}.`
}
