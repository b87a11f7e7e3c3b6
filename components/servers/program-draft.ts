import type { OpenValue } from '#lib/registry/rules/package-option.ts'
import type { PackageFetchView } from '#lib/registry/schema/packages.ts'
import type { ServerCommand } from '#lib/registry/schema/transport.ts'

/** What is typed of the program of a server over stdio. */
export type ProgramDraft = {
  program: string
  args: string
  env: string
  /** What the program is from; null: from the machine or the server's folder. */
  fetched: Pick<PackageFetchView, 'package' | 'facts'> | null
  /** What is known of its variables. */
  variables: OpenValue[]
  /** Their values, by name; they leave the page only sealed or to be tried. */
  values: Record<string, string>
}

export const emptyProgram: ProgramDraft = { program: '', args: '', env: '', fetched: null, variables: [], values: {} }

/** The draft that a package is started with as a command was, where it has a program of that name. */
export function programOf(command: ServerCommand, fetched: PackageFetchView): ProgramDraft {
  const programs = fetched.facts?.programs ?? []
  return {
    ...emptyProgram,
    fetched,
    program: programs.includes(command.command) ? command.command : (programs[0] ?? ''),
    args: command.args.join('\n'),
    env: command.env.join(' '),
  }
}

/** The draft of how a server is started now; `facts`: what its package holds. */
export function draftOf(command: ServerCommand, facts: PackageFetchView['facts']): ProgramDraft {
  const { package: reference } = command
  return {
    ...emptyProgram,
    fetched: reference ? { package: reference, facts } : null,
    program: command.command,
    args: command.args.join('\n'),
    env: command.env.join(' '),
  }
}

/** The command that a draft of `before` makes of it; what was not touched stays to the letter. */
export function changedCommand(before: ServerCommand, draft: ProgramDraft): ServerCommand {
  const { command, args, env } = commandOf(draft)
  return { ...before, command, env, args: draft.args === before.args.join('\n') ? before.args : args }
}

export function commandOf(draft: ProgramDraft): ServerCommand {
  return {
    command: draft.program.trim(),
    args: draft.args.split('\n').filter((line) => line !== ''),
    env: draft.env.split(/\s+/).filter(Boolean),
    ...(draft.fetched?.package ? { package: draft.fetched.package } : {}),
  }
}

/** Whether the same files are started in the same way. */
export function isSameCommand(a: ServerCommand, b: ServerCommand): boolean {
  const said = ({ command, args, env, package: from }: ServerCommand) =>
    JSON.stringify([command, args, env, from?.name, from?.version, from?.integrity, from?.lock])
  return said(a) === said(b)
}

/** The names of its variables. */
export function variableNames({ env }: ProgramDraft): string[] {
  return [...new Set(env.split(/\s+/).filter(Boolean))]
}

/** What its variables are set to, as a credential holds it; null: nothing is said. */
export function secretOf(draft: ProgramDraft): string | null {
  return secretOfValues(variableNames(draft), draft.values)
}

/** The same of variables whose names are known: one line of ASCII, whatever is in them. */
export function secretOfValues(names: readonly string[], values: Readonly<Record<string, string>>): string | null {
  const said = names.flatMap((name) => (values[name] ? [[name, values[name]] as const] : []))
  if (said.length === 0) return null
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(Object.fromEntries(said)).replaceAll(/[^\x20-\x7e]/g, escaped)
}

/** Those that it cannot do without and that nothing is said of. */
export function missingVariables(draft: ProgramDraft): string[] {
  return variableNames(draft).filter(
    (name) => !draft.values[name] && draft.variables.some((one) => one.name === name && one.isRequired),
  )
}
