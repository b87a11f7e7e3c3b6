import type { ServerView } from '../schema/servers.ts'
import type { ServerCommand } from '../schema/transport.ts'
import { loosenedBy } from './loosenings.ts'

/** A server as far as what a change of it brings about depends on it. */
export type ChangeableServer = Pick<
  ServerView,
  | 'id'
  | 'name'
  | 'description'
  | 'transport'
  | 'url'
  | 'command'
  | 'packageFetch'
  | 'environment'
  | 'sensitivity'
  | 'dataClasses'
  | 'demo'
> & {
  /** Whose credentials are set. */
  credentialsOf: string[]
  /** What is proposed of the server itself and waits for a second person. */
  proposed: { what: string; after: string | null }[]
}

export type ServerChange = Partial<
  Pick<ServerView, 'name' | 'description' | 'url' | 'environment' | 'sensitivity'> & { command: ServerCommand }
>

export function changeableServer(server: ServerView): ChangeableServer {
  const { id, name, description, transport, url, command, packageFetch } = server
  const { environment, sensitivity, dataClasses, demo } = server
  return {
    ...{ id, name, description, transport, url, command, packageFetch },
    ...{ environment, sensitivity, dataClasses, demo },
    credentialsOf: server.credentials.map(({ team }) => team?.name ?? 'the server'),
    proposed: server.loosenings.filter(({ tool }) => tool === null).map(({ what, after }) => ({ what, after })),
  }
}

/** What of the fields given is not so already: what is sent again as it is would end what is proposed of it. */
export function differingFrom<Wanted extends object>(server: NoInfer<Wanted>, wanted: Wanted): Partial<Wanted> {
  const differing = Object.entries(wanted).filter(([key, value]) => value !== server[key as keyof Wanted])
  return Object.fromEntries(differing) as Partial<Wanted>
}

/** What comes with a change, in sentences, as the command does it. */
export function followsOf(server: ChangeableServer, change: ServerChange): string[] {
  return [
    ...factLines(server, change),
    ...(change.url !== undefined && change.url !== server.url ? addressLines(server, change.url) : []),
    ...(change.command === undefined ? [] : programLines(server)),
  ]
}

function factLines(server: ChangeableServer, change: ServerChange): string[] {
  const loosened = loosenedBy(server, change)
  return (['environment', 'sensitivity'] as const).flatMap((what) => {
    const [before, after] = [server[what], change[what]]
    if (after === undefined) return []
    const isLower = loosened.some((one) => one.what === what)
    const ended = server.proposed.filter((one) => one.what === what && one.after !== after)
    return [
      ...(isLower
        ? [`A lower ${what} is proposed only: ${before} counts until somebody else confirms ${after}.`]
        : after === before
          ? []
          : [`The ${what} ${after} counts at once: rules and policies that ask about it choose by it.`]),
      ...ended.map((one) => `The proposal that its ${what} be ${one.after} ends.`),
    ]
  })
}

function addressLines(server: ChangeableServer, url: string): string[] {
  return [
    ...(isSameOrigin(url, server.url) ? [] : movedLines(server, 'origin')),
    'Brokers call the new address within a second and list its tools anew within a minute: what is new or takes more waits for its review.',
  ]
}

function programLines(server: ChangeableServer): string[] {
  return [
    ...movedLines(server, 'program'),
    'Processes that run end with their next request. Brokers list the tools anew within a minute: what is new or takes more waits for its review.',
  ]
}

/** Of a server that is another one from then on. */
function movedLines({ credentialsOf, demo }: ChangeableServer, what: 'origin' | 'program'): string[] {
  const isOne = credentialsOf.length === 1
  return [
    ...(credentialsOf.length > 0
      ? [
          `The ${isOne ? 'credential' : 'credentials'} of ${credentialsOf.join(', ')} ${isOne ? 'is' : 'are'} removed: what was set for one ${what} is never shown to another.`,
        ]
      : []),
    ...(demo ? ['It is no demo server any more.'] : []),
  ]
}

/** Whether a secret that one address is shown may be shown to the other. */
export function isSameOrigin(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && new URL(a).origin === new URL(b).origin
}
