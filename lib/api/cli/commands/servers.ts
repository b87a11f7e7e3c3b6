import { addLooseningVerbs, secondPerson } from './loosenings.ts'
import { classText } from '#lib/registry/schema/tool-words.ts'
import type { Command } from 'commander'
import { dataClasses, type ToolClass, toolClasses, type ToolDetail } from '#lib/registry/schema.ts'
import { findingTitle } from '#lib/registry/rules/tool-findings.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { facts } from '../table.ts'
import { minute, oneLine, plain } from '../text.ts'
import { choice } from './choices.ts'
import { personWith } from './people.ts'
import { accepted, collect, dataClassesOf, type Placed, placed, placeOf } from './server-place.ts'
import { addImportVerb } from './server-import.ts'
import { addMoveVerb } from './server-move.ts'
import { addPackageVerb } from './server-package.ts'
import { addProbeVerb } from './server-probe.ts'
import { addUpdateVerb } from './server-update.ts'

/** The verbs that change servers and decide about their tools; listing and showing are in registry.ts. */
export function addServerCommands(servers: Command, setup: Setup): void {
  addVerb<Placed & { name?: string; address?: string; env: string[]; about?: string }>(servers, setup, {
    name: 'register <id> [program...]',
    says: `Register an MCP server by --address, or by the program that speaks it, after --.
What guards it less is accepted by name with --accept; "servers probe" says what there is.`,
    examples: [
      'wheelhouse servers register erp --address https://erp.example.com/mcp --environment production --sensitivity confidential',
      'wheelhouse servers register files --environment staging --sensitivity internal --accept not_probed -- node server.mjs',
    ],
    options: (command) =>
      placed(command)
        .option('--address <url>', 'where it is reached')
        .option('--env <name>', 'a variable that the program needs', collect, [])
        .option('--name <name>', 'what people call it; otherwise its id')
        .option('--about <text>', 'what it offers'),
    run: async (cli, { args: [id = '', program, ...args], options }) => {
      const place = placeOf(options)
      if ((options.address === undefined) === (program === undefined)) {
        throw new UsageError('Give either --address, or the program after --.')
      }
      const where =
        program === undefined
          ? { transport: 'http' as const, url: options.address! }
          : { transport: 'stdio' as const, command: { command: program, args, env: options.env } }
      const description = options.about ?? ''
      const body = {
        id,
        name: options.name ?? id,
        description,
        ...where,
        ...place,
        acknowledged: accepted(options.accept),
      }
      const made = await (await cli.client()).call(routes.servers.registerServer, { body })
      cli.show(made, () => `${made.id} is registered. Its tools wait for their review.`)
    },
  })
  addImportVerb(servers, setup)
  addPackageVerb(servers, setup)
  addMoveVerb(servers, setup)
  addProbeVerb(servers, setup)
  addUpdateVerb(servers, setup)
  addVerb(servers, setup, {
    name: 'enable <id>',
    says: 'Let agents reach an MCP server again.',
    run: (cli, { args: [id = ''] }) => setStatus(cli, id, { status: 'active' }),
  })
  addVerb<{ reason: string }>(servers, setup, {
    name: 'disable <id>',
    says: 'Keep every agent from an MCP server; grants on it stay.',
    options: (command) =>
      command.requiredOption('--reason <text>', 'why; its page, the calls that are refused and the audit log keep it'),
    run: (cli, { args: [id = ''], options: { reason } }) => setStatus(cli, id, { status: 'disabled', reason }),
  })
  addVerb(servers, setup, {
    name: 'kinds <id> [kinds...]',
    says: `Set which kinds of data are behind an MCP server, of ${dataClasses.join(', ')}; without any, none is named. One less waits for a second person.`,
    run: async (cli, { args: [id = '', ...named] }) => {
      const body = { dataClasses: dataClassesOf(named) }
      const { waits } = await (await cli.client()).call(routes.servers.updateServer, { params: { id }, body })
      const kinds = body.dataClasses.join(', ') || 'no kind of data is named'
      cli.show(
        { id, ...body, waits },
        () => `${id}: ${kinds}${waits ? ', as you ask' : ''}.${waits ? secondPerson : ''}`,
      )
    },
  })
  addVerb(servers, setup, {
    name: 'approver <id> [email]',
    says: 'Set who is asked when tools of an MCP server change; without anybody, everybody who manages servers.',
    run: async (cli, { args: [id = '', email] }) => {
      const client = await cli.client()
      const approverId = email === undefined ? null : await personWith(client, email)
      await client.call(routes.servers.updateServer, { params: { id }, body: { approverId } })
      cli.show({ id, approverId }, () => `${id}: ${email ?? 'everybody who manages servers'} is asked about its tools.`)
    },
  })
  addToolVerbs(servers, setup)
  addLooseningVerbs(servers, setup)
}

async function setStatus(
  cli: Cli,
  id: string,
  body: { status: 'active' } | { status: 'disabled'; reason: string },
): Promise<void> {
  await (await cli.client()).call(routes.servers.updateServer, { params: { id }, body })
  cli.show({ id, status: body.status }, () => `${plain(id)} is ${body.status}.`)
}

function addToolVerbs(servers: Command, setup: Setup): void {
  addVerb(servers, setup, {
    name: 'reviews',
    says: 'List the tools that wait for a decision, with what was found.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.servers.listReviews, {})
      const lines = list.items.map(
        ({ server, tool, verdict, findings, since }) =>
          `${server.id}  ${plain(tool)}  ${verdict}  since ${minute(since)} UTC${findings.map(({ kind, note }) => `\n    ${findingTitle(kind)}: ${oneLine(note)}`).join('')}`,
      )
      cli.show(list, () => (lines.length === 0 ? 'Nothing waits.' : lines.join('\n')))
    },
  })
  addVerb(servers, setup, {
    name: 'tool <server> <tool>',
    says: 'Show a tool: both definitions, what was found, its history, and the hash to decide about.',
    run: async (cli, { args: [id = '', tool = ''] }) => {
      const detail = await (await cli.client()).call(routes.servers.showTool, { params: { id, tool } })
      cli.show(detail, () => describeTool(detail, cli))
    },
  })
  addVerb<{ hash: string; class?: string; reason?: string }>(servers, setup, {
    name: 'approve <server> <tool>',
    says: 'Approve the definition of a tool that you have read; agents are shown exactly that one.',
    options: (command) =>
      command
        .requiredOption('--hash <hash>', 'of the definition, as "servers tool" shows it')
        .addOption(choice('--class <class>', 'what the tool is, whatever its server says', toolClasses))
        .option('--reason <text>', 'why; needed when it was suspended, or with a class below what its server declares'),
    run: async (cli, { args: [id = '', name = ''], options }) => {
      const tool = {
        name,
        definitionHash: options.hash,
        ...(options.class ? { class: options.class as ToolClass } : {}),
      }
      const body = { tools: [tool], ...(options.reason === undefined ? {} : { reason: options.reason }) }
      const outcome = await (await cli.client()).call(routes.servers.approveTools, { params: { id }, body })
      cli.show(outcome, () => `${plain(name)} is approved.${outcome.waits.length > 0 ? secondPerson : ''}`)
    },
  })
  addVerb<{ hash: string; reason: string }>(servers, setup, {
    name: 'reject <server> <tool>',
    says: 'Refuse a definition of a tool, or withdraw the approval of the one agents see.',
    options: (command) =>
      command
        .requiredOption('--hash <hash>', 'of the definition, as "servers tool" shows it')
        .requiredOption('--reason <text>', 'why'),
    run: async (cli, { args: [id = '', name = ''], options }) => {
      const body = { name, definitionHash: options.hash, reason: options.reason }
      await (await cli.client()).call(routes.servers.rejectTool, { params: { id }, body })
      cli.show({ server: id, tool: name, state: 'quarantined' }, () => `${plain(name)} is rejected.`)
    },
  })
  addVerb<{ reason: string }>(servers, setup, {
    name: 'classify <server> <tool> <class>',
    says: `Say which class a tool is, whatever its server says: ${toolClasses.join(' < ')}; declared: what its server says counts again.`,
    options: (command) => command.requiredOption('--reason <text>', 'why'),
    run: async (cli, { args: [id = '', name = '', toolClass = ''], options }) => {
      const isDeclared = toolClass === 'declared'
      if (!isDeclared && !(toolClasses as readonly string[]).includes(toolClass)) {
        throw new UsageError(`${toolClass} is no class; use ${toolClasses.join(', ')} or declared.`)
      }
      const body = { name, class: isDeclared ? null : (toolClass as ToolClass), reason: options.reason }
      const { waits } = await (await cli.client()).call(routes.servers.classifyTool, { params: { id }, body })
      const is = isDeclared ? `${plain(name)} is what its server declares.` : `${plain(name)} is ${toolClass}.`
      cli.show({ server: id, tool: name, class: toolClass, waits }, () =>
        waits ? `${plain(name)} stays as it is.${secondPerson}` : is,
      )
    },
  })
}

function describeTool(tool: ToolDetail, cli: Cli): string {
  const about = facts([
    ['State', tool.rejected ? `${tool.state}, rejected` : tool.state],
    ['Class', oneLine(classText(tool))],
    ['Hash', tool.definitionHash],
    ['Approved', tool.approvedHash ?? 'nothing'],
    ['Verdict', tool.verdict],
  ])
  const findings = tool.findings.map(
    ({ kind, path, note }) => `${findingTitle(kind)} at ${path || 'the tool'}: ${oneLine(note)}`,
  )
  const definition = plain(JSON.stringify(tool.listed, null, 2))
  const history = tool.history.map((entry) =>
    entry.kind === 'decided'
      ? `${minute(entry.at)}  ${entry.decision} by ${plain(entry.by.name)}${entry.reason ? `: ${oneLine(entry.reason)}` : ''}`
      : `${minute(entry.at)}  ${entry.verdict}, seen by ${plain(entry.seenBy)}`,
  )
  const title = cli.terminal.style('bold', plain(`${tool.server.id}/${tool.name}`))
  return [`${title}\n${about}`, findings.join('\n') || 'Nothing was found.', definition, history.join('\n')].join(
    '\n\n',
  )
}
