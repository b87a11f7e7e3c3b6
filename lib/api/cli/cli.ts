import type { Command } from 'commander'
import type { CliConfig } from '#lib/config/cli.ts'
import { type Access, findAccess } from './access.ts'
import { type Client, createClient } from './client.ts'
import { checkValues } from './commands/numbers.ts'
import { UsageError } from './errors.ts'
import { type Column, table } from './table.ts'
import type { Terminal } from './terminal.ts'

/** What a verb works with. */
export type Cli = {
  config: CliConfig
  terminal: Terminal
  /** Answers are printed as JSON. */
  json: boolean
  /** The address given with --url. */
  urlFlag: string | undefined
  access(): Promise<Access>
  client(): Promise<Client>
  /** Prints the answer: the value as JSON with --json, else the text that `say` makes. */
  show(value: unknown, say: () => string): void
  /** A table that fits the terminal. */
  table<T>(columns: readonly Column<T>[], rows: readonly T[]): string
}

export type Setup = { config: CliConfig; terminal: Terminal }
type Globals = { json?: boolean; url?: string; etag?: boolean; ifMatch?: string }

export function createCli({ config, terminal }: Setup, globals: Globals): Cli {
  let access: Promise<Access> | undefined
  let client: Client | undefined
  const cli: Cli = {
    config,
    terminal,
    json: globals.json ?? false,
    urlFlag: globals.url,
    access: () => (access ??= findAccess(config, globals.url)),
    client: async () =>
      (client ??= createClient({
        ...(await cli.access()),
        ...(globals.ifMatch ? { ifMatch: globals.ifMatch } : {}),
        ...(globals.etag ? { readsOnly: true } : {}),
      })),
    show(value, say) {
      if (globals.etag) {
        const tag = client?.etag() ?? null
        if (tag === null) throw new UsageError('There is no version to compare here: leave --etag out.')
        return terminal.out(tag)
      }
      terminal.out(cli.json ? JSON.stringify(value, null, 2) : say())
    },
    table: (columns, rows) => table(columns, rows, terminal.width),
  }
  return cli
}

export type Verb<O> = {
  /** As commander has it: `list [query...]`. */
  name: string
  /** The help text: a sentence, then what else one has to know. */
  says: string
  /** Whole command lines, shown below the help. */
  examples?: readonly string[]
  options?: (command: Command) => Command
  /** A number is the exit code; nothing: 0. */
  run: (cli: Cli, given: { args: string[]; options: O }) => Promise<number | void>
}

/** Adds a verb. commander has checked required options and choices before `run`; the server checks the rest. */
export function addVerb<O extends object>(parent: Command, setup: Setup, verb: Verb<O>): void {
  const [summary = '', ...more] = verb.says.split('\n')
  const description = [summary, more.join(' ')].filter(Boolean).join('\n\n')
  const command = parent.command(verb.name).summary(summary.replace(/\.$/, '')).description(description)
  verb.options?.(command)
  checkValues(command)
  if (verb.examples) command.addHelpText('after', `\nExamples:\n${verb.examples.map((line) => `  ${line}\n`).join('')}`)
  command.action(async (...given: unknown[]) => {
    const args = given
      .slice(0, -2)
      .flat()
      .filter((arg): arg is string => typeof arg === 'string')
    const all = command.optsWithGlobals<O & Globals>()
    const code = await verb.run(createCli(setup, all), { args, options: all })
    if (typeof code === 'number') process.exitCode = code
  })
}
