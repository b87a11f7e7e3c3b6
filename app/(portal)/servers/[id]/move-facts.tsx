import { FetchedFacts } from '#components/servers/package-facts.tsx'
import { plural } from '#components/ui/count.ts'
import { Fact, Facts } from '#components/ui/facts.tsx'
import type { ServerView } from '#lib/registry/schema.ts'
import type { PackageFacts } from '#lib/registry/schema/packages.ts'
import type { ToolComparison } from '#lib/registry/schema/probes.ts'
import type { PackageReference, ServerCommand } from '#lib/registry/schema/transport.ts'

/** A server that is started from a package, as far as moving it to another version needs to know it. */
export type MovedServer = {
  id: string
  name: string
  command: ServerCommand & { package: PackageReference }
  /** Whose credentials are set. */
  credentialsOf: string[]
  demo: boolean
}

/** Null: it is started from no package. */
export function movedServer({ id, name, command, credentials, demo }: ServerView): MovedServer | null {
  if (!command?.package) return null
  const credentialsOf = credentials.map(({ team }) => team?.name ?? 'the server')
  return { id, name, command: { ...command, package: command.package }, credentialsOf, demo }
}

type FactsProps = { before: PackageReference; after: PackageReference; facts: PackageFacts | null }

/** Both versions with what identifies them, and what was fetched of the new one. */
export function MoveFacts({ before, after, facts }: FactsProps) {
  const both = [
    { when: 'now', of: before },
    { when: 'then', of: after },
  ]
  return (
    <Facts>
      {both.map(({ when, of }) => (
        <Fact key={when} label={`Version ${when}`}>
          <code className="break-all">{of.version}</code>
          <code className="block text-xs break-all text-muted-foreground">{of.integrity}</code>
        </Fact>
      ))}
      {before.integrity === after.integrity && (
        <Fact label="Depends on">
          {before.lock === after.lock
            ? 'the same versions as now.'
            : 'other versions than now; the package is the same.'}
        </Fact>
      )}
      {facts && <FetchedFacts facts={facts} />}
    </Facts>
  )
}

type OutcomeProps = {
  server: MovedServer
  /** null: nobody knows yet what it offers. */
  comparison: ToolComparison | null
  /** Something is said of its variables. */
  isSet: boolean
  /** It is started with variables. */
  needsValues: boolean
}

/** What comes with the move, in sentences. */
export function MoveOutcome({ server, comparison, isSet, needsValues }: OutcomeProps) {
  const { credentialsOf, demo, command } = server
  const isOne = credentialsOf.length === 1
  const lines = [
    ...(credentialsOf.length > 0
      ? [
          `The ${isOne ? 'credential' : 'credentials'} of ${credentialsOf.join(', ')} ${isOne ? 'is' : 'are'} removed: what was set for one program is never shown to another.`,
        ]
      : []),
    isSet
      ? 'The values above are sealed as its new credential.'
      : credentialsOf.length > 0 || needsValues
        ? 'Its credential has to be set anew on this page.'
        : 'It has no credential, and needs none that is known of.',
    toolsText(comparison),
    'Processes that run end with their next request, for which the new version is started; what is under way has a moment to end.',
    ...(demo ? ['It is no demo server any more: what is new waits for its review.'] : []),
    `Going back to ${command.package.version} is the same way.`,
  ]
  return (
    <ul className="list-disc space-y-1 pl-5 text-sm">
      {lines.map((line) => (
        <li key={line} className="break-words">
          {line}
        </li>
      ))}
    </ul>
  )
}

function toolsText(comparison: ToolComparison | null): string {
  const soon = 'Brokers list its tools anew within a minute'
  if (!comparison) return `${soon}: what is new or takes more waits for its review.`
  const waiting = [...comparison.added, ...comparison.changed].filter(({ waits }) => waits).length
  const gone = comparison.removed?.length ?? 0
  return `${soon}: ${waiting === 0 ? 'none waits' : plural(waiting, 'tool')}${waiting === 0 ? '' : waiting === 1 ? ' waits' : ' wait'} for review${gone > 0 ? `, ${plural(gone, 'tool')} can no longer be called` : ''}.`
}
