import type { OpenValue } from '#lib/registry/rules/package-option.ts'
import { openFindings } from '#lib/registry/rules/server-address.ts'
import { openCommandFindings } from '#lib/registry/rules/server-command.ts'
import type { DataClass, Environment, Sensitivity } from '#lib/registry/schema.ts'
import type { PackageFetchView } from '#lib/registry/schema/packages.ts'
import type { ProbeFindingKind } from '#lib/registry/schema/probes.ts'
import type { ServerCommand } from '#lib/registry/schema/transport.ts'

/** What is typed or imported of a server before it is registered. */
export type Draft = {
  id: string
  name: string
  description: string
  transport: 'http' | 'stdio'
  url: string
  program: string
  args: string
  env: string
  /** What the program is from; null: from the machine or the server's folder. */
  fetched: PackageFetchView | null
  /** What is known of its variables. */
  variables: OpenValue[]
  /** Their values, by name; they leave the page only sealed or to be tried. */
  values: Record<string, string>
  environment: Environment
  sensitivity: Sensitivity
  dataClasses: DataClass[]
}

export const emptyDraft: Draft = {
  id: '',
  name: '',
  description: '',
  transport: 'http',
  url: '',
  program: '',
  args: '',
  env: '',
  fetched: null,
  variables: [],
  values: {},
  environment: 'staging',
  sensitivity: 'internal',
  dataClasses: [],
}

/** What is looked at: an address, or a program and the id of the server it is to be. */
export type ProbeTarget = { url: string } | { command: ServerCommand; id?: string }

/** What is registered, if that is clear already. */
export function targetOf(draft: Draft): ProbeTarget | null {
  if (draft.transport === 'http') {
    const isAddress = URL.canParse(draft.url) && /^https?:/.test(draft.url)
    return isAddress ? { url: draft.url } : null
  }
  const command = commandOf(draft)
  return command.command === '' ? null : { command, ...(draft.id === '' ? {} : { id: draft.id }) }
}

/** A program is another one in the folder of another server. */
export function keyOf(target: ProbeTarget | null): string {
  return JSON.stringify(target)
}

export function openOf(target: ProbeTarget, known: Parameters<typeof openFindings>[1]) {
  return 'url' in target ? openFindings(target.url, known) : openCommandFindings(target.command, known)
}

/** The names of its variables. */
export function variableNames({ transport, env }: Draft): string[] {
  return transport === 'stdio' ? [...new Set(env.split(/\s+/).filter(Boolean))] : []
}

/** What its variables are set to, as a credential holds it; null: nothing is said. */
export function secretOf(draft: Draft): string | null {
  const said = variableNames(draft).flatMap((name) => (draft.values[name] ? [[name, draft.values[name]] as const] : []))
  return said.length === 0 ? null : JSON.stringify(Object.fromEntries(said))
}

/** Those that it cannot do without and that nothing is said of. */
export function missingVariables(draft: Draft): string[] {
  return variableNames(draft).filter(
    (name) => !draft.values[name] && draft.variables.some((one) => one.name === name && one.isRequired),
  )
}

export function inputOf(draft: Draft, acknowledged: ProbeFindingKind[]) {
  const { id, name, description, environment, sensitivity, dataClasses } = draft
  const where =
    draft.transport === 'http'
      ? { transport: 'http' as const, url: draft.url }
      : { transport: 'stdio' as const, command: commandOf(draft) }
  return { id, name, description, environment, sensitivity, dataClasses, ...where, acknowledged }
}

function commandOf(draft: Draft): ServerCommand {
  return {
    command: draft.program.trim(),
    args: draft.args.split('\n').filter((line) => line !== ''),
    env: draft.env.split(/\s+/).filter(Boolean),
    ...(draft.fetched?.package ? { package: draft.fetched.package } : {}),
  }
}
