import type { Command } from 'commander'
import { comparedText } from '#lib/registry/rules/tool-comparison.ts'
import { findingTitle } from '#lib/registry/rules/tool-findings.ts'
import {
  probeFindingKinds,
  type ProbeReport,
  type RequestServerProbeInput,
  requestServerProbeInput,
  type ToolComparison,
} from '#lib/registry/schema/probes.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { facts } from '../table.ts'
import { textFrom } from '../text-file.ts'
import { oneLine, plain } from '../text.ts'

type Options = { id?: string; env: string[]; credential?: string }

const everyMs = 500
const triesMax = 100

export function addProbeVerb(servers: Command, setup: Setup): void {
  addVerb<Options>(servers, setup, {
    name: 'probe <where> [args...]',
    says: `Look at an address or, after --, at a program before registering it: where an address leads and how it is guarded,
whether a program starts in the sandbox; what it speaks and offers.`,
    examples: [
      'wheelhouse servers probe https://erp.example.com/mcp --credential credential.json',
      'wheelhouse servers probe --id files --env FILES_TOKEN -- node server.mjs',
    ],
    options: (command) =>
      command
        .option(
          '--id <id>',
          'for a program: the id it has or is to have, whose folder of programs it is started in and whose tools it is compared with; it is looked at for that id alone',
        )
        .option('--env <name>', 'for a program: a variable that it needs', (one, all: string[]) => [...all, one], [])
        .option(
          '--credential <file>',
          'JSON of a credential as the API takes it, such as {"kind":"bearer","secret":"…"}, to try once; - is standard input. For a program: what its variables are set to',
        ),
    run: async (cli, { args: [where = '', ...args], options }) => {
      const isAddress = /^https?:\/\//.test(where)
      if (isAddress && (args.length > 0 || options.id !== undefined || options.env.length > 0))
        throw new UsageError('An address has neither arguments nor --id nor --env; those are of a program.')
      const target = isAddress
        ? { url: where }
        : {
            command: { command: where, args, env: options.env },
            ...(options.id === undefined ? {} : { id: options.id }),
          }
      const credential =
        options.credential === undefined ? {} : { credential: await credentialIn(cli, options.credential) }
      const probe = await probeOnce(cli, { ...target, ...credential })
      cli.show(probe, () => describeProbe(probe.report))
    },
  })
}

/** Asks for a look and waits until the worker has taken it. */
export async function probeOnce(cli: Cli, body: RequestServerProbeInput) {
  const client = await cli.client()
  const { probeId } = await client.call(routes.servers.probeServer, { body })
  for (let tries = 0; tries < triesMax; tries += 1) {
    const probe = await client.call(routes.servers.showProbe, { params: { id: probeId } })
    if (probe.report) return { ...probe, report: probe.report }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  throw new UsageError('The worker has not looked at it in time. Is it running?')
}

/** Nothing of it is in a refusal. */
export async function credentialIn(cli: Cli, file: string) {
  const text = await textFrom(cli.terminal, file)
  try {
    return requestServerProbeInput.shape.credential.unwrap().parse(JSON.parse(text))
  } catch {
    throw new UsageError('The credential has to be JSON as the API takes it: {"kind":"bearer","secret":"…"}.')
  }
}

export function describeProbe(report: ProbeReport): string {
  const about = facts([
    ['Host', report.host === '' ? null : plain(report.host)],
    ['Addresses', report.host === '' ? null : report.addresses.join(', ') || 'none'],
    ['TLS', report.host === '' ? null : report.tls],
    ['Starts', report.host === '' ? (report.reachable ? 'yes' : 'no') : null],
    ['Protocol', report.protocol && `${report.protocol.version} (${plain(report.protocol.server)})`],
    ['Asks for', report.challenge && oneLine(report.challenge)],
    ['Names as its authorization server', report.authorizationServer ? oneLine(report.authorizationServer) : null],
  ])
  const findings = report.findings.map(({ kind, note }) => {
    const { title, relaxed, says } = probeFindingKinds[kind]
    return `${relaxed ? `${title} (accept as ${kind})` : title}: ${oneLine(note)}\n  ${says}`
  })
  const leftOut = (report.leftOut ?? []).map(({ name, reason }) => `  ${oneLine(name)}: ${oneLine(reason)}`)
  const leftOutWords = leftOut.length > 0 ? [`Left out, ${report.leftOutTotal} in all:\n${leftOut.join('\n')}`] : []
  const tools = report.tools.map(
    (tool) =>
      `${plain(tool.name)}  ${tool.class}${tool.annotated ? '' : ' (not annotated)'}${tool.findings.map(({ kind }) => `; ${findingTitle(kind)}`).join('')}`,
  )
  const said = report.stderr?.length
    ? [`Standard error:\n${report.stderr.map((line) => `  ${plain(line)}`).join('\n')}`]
    : []
  const compared = report.comparison ? [describeComparison(report.comparison)] : []
  const offers = tools.join('\n') || 'No tools were found.'
  return [about, findings.join('\n') || 'Nothing to accept.', ...said, ...leftOutWords, offers, ...compared].join(
    '\n\n',
  )
}

/** Beside what the server of its id lists now. */
function describeComparison({ added, changed, removed, unchanged, leftOut }: ToolComparison): string {
  const lines = [
    ...[...added, ...changed].flatMap((tool) => [
      `  ${plain(tool.name)}: ${comparedText(tool)}`,
      ...tool.findings.map(({ kind, note }) => `    ${findingTitle(kind)}: ${oneLine(note)}`),
    ]),
    ...(removed ?? []).map((name) => `  ${plain(name)}: no longer listed`),
    ...leftOut.map(({ name, reason }) => `  ${oneLine(name)}: ${oneLine(reason)}`),
  ]
  const rest = removed === null ? ' Which are no longer listed is not known.' : ''
  return [`Compared with the tools of that server: ${unchanged} unchanged.${rest}`, ...lines].join('\n')
}
