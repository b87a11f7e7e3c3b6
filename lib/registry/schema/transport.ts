import { z } from 'zod'

export const serverTransports = ['http', 'stdio'] as const
export type ServerTransport = (typeof serverTransports)[number]

const word = z.string().regex(/^[^\p{Cc}\p{Cs}]*$/u, 'Use text without control characters.')

/** The name of an npm package, as the registry takes new ones. */
export const packageName = z
  .string()
  .max(214)
  .regex(/^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/, 'Use the name of an npm package.')
export const packageVersion = z
  .string()
  .max(100)
  .regex(
    /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/,
    'Use one exact version such as 1.2.0: no range and no tag.',
  )

/** A package that was fetched before; the program is one of its own, started from exactly the files that the lock names. */
export const packageReference = z.strictObject({
  name: packageName,
  version: packageVersion,
  integrity: z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/, 'Use the integrity of the package’s archive: sha512-….'),
  /** SHA-256 of what its lock says. */
  lock: z.string().regex(/^[0-9a-f]{64}$/, 'Use the digest of its lock, as fetching it said.'),
})
export type PackageReference = z.infer<typeof packageReference>

/** A program of a package has a name of its own there, not a path. */
export const programOfPackage = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

/** A program that speaks MCP on its standard streams. It is started without a shell; the values of its variables are not kept here. */
export const serverCommand = z.strictObject({
  command: word
    .min(1, 'Name the program.')
    .max(500)
    .regex(/^\S(.*\S)?$/, 'Leave out the space around the program.'),
  args: z.array(word.max(2000)).max(100, 'Use at most 100 arguments.').default([]),
  /** Names of the variables it needs. */
  env: z
    .array(
      z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, 'Use letters, digits and underscores.')
        .refine((name) => !reserved.test(name), 'This variable would change how programs are loaded.'),
    )
    .max(50, 'Use at most 50 variables.')
    .default([]),
  /** Where the program is from; left out: from the machine, or from the server's folder. */
  package: packageReference.optional(),
})
export type ServerCommand = z.infer<typeof serverCommand>

/** Variables that a loader or runtime obeys: with them the arguments would not say what is started. */
const reserved =
  /^(LD_|DYLD_|NODE_OPTIONS$|PYTHON(PATH|STARTUP|HOME)$|BASH_ENV$|ENV$|PATH$|PERL5(LIB|OPT)$|RUBYOPT$|JAVA_TOOL_OPTIONS$|WHEELHOUSE_)/

type Where = { transport: ServerTransport; url?: string | undefined; command?: ServerCommand | undefined }

/** For `superRefine`: an address belongs to http, a program to stdio, and each needs its own. */
export function checkTransport({ transport, url, command }: Where, context: z.RefinementCtx): void {
  const say = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message })
  if (transport === 'http') {
    if (url === undefined) say('url', 'A server over HTTP needs its address.')
    if (command !== undefined) say('command', 'A server over HTTP has no program; use transport stdio.')
  } else {
    if (command === undefined) say('command', 'A server over stdio needs its program.')
    if (url !== undefined) say('url', 'A server over stdio has no address; use transport http.')
  }
}
