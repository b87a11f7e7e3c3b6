import type { ProbeFinding, ProbeReport } from '../schema/probes.ts'
import type { ServerCommand } from '../schema/transport.ts'
import { relaxedOf, withRefused } from './server-address.ts'

/** Programs that fetch what they run, and the first word that makes them do so; null: any. */
const fetchers: readonly (readonly [program: string, words: readonly string[] | null])[] = [
  ['npx', null],
  ['pnpx', null],
  ['bunx', null],
  ['uvx', null],
  ['npm', ['exec', 'x', 'create', 'init']],
  ['pnpm', ['dlx', 'create']],
  ['yarn', ['dlx', 'create']],
  ['bun', ['x', 'create']],
  ['pipx', ['run']],
  ['uv', ['tool', 'run']],
  ['docker', null],
  ['podman', null],
]

/** What a program alone shows, without starting it. */
export function commandFindings({ command, args, package: reference }: ServerCommand): ProbeFinding[] {
  // It was fetched already, whatever its program is called.
  if (reference) return []
  const program = command
    .split(/[\\/]/)
    .at(-1)!
    .replace(/\.(?:exe|cmd)$/i, '')
  const word = args.find((each) => !each.startsWith('-'))
  const fetches = fetchers.some(
    ([name, words]) => name === program && (words === null || (word !== undefined && words.includes(word))),
  )
  return fetches ? [{ kind: 'fetches_package', note: [command, ...args].join(' ').slice(0, 300) }] : []
}

/** What has to be accepted by name before a server is registered by a program, given the last probe of it: one that starts proves that it needs nothing. */
export function commandFindingsToAcknowledge(command: ServerCommand, report: ProbeReport | null): ProbeFinding[] {
  if (report?.reachable) return relaxedOf(report.findings)
  const probed = report ? report.findings : [{ kind: 'not_probed' as const, note: command.command }]
  return relaxedOf([...commandFindings(command), ...probed])
}

/** What a form offers to accept: the same, and what a refusal names that the form could not know. */
export function openCommandFindings(
  command: ServerCommand,
  { report, refusal }: { report: ProbeReport | null; refusal: Readonly<Record<string, unknown>> },
): ProbeFinding[] {
  return withRefused(commandFindingsToAcknowledge(command, report), refusal, command.command)
}
