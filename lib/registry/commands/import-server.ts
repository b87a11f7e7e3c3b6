import type { Ctx } from '#lib/auth/ctx.ts'
import { authorize } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { packageCommand, type PackageOption } from '../rules/package-option.ts'
import { readServerJson, type ServerJson } from '../rules/server-json.ts'
import { type ImportServerInput, registerServerInput } from '../schema.ts'
import type { ServerCommand } from '../schema/transport.ts'
import { fetchedPackage } from './package-of-command.ts'
import { registerServer } from './servers.ts'

/** What a server that was imported still needs: a credential in a header, or the values of its variables. */
type Imported = {
  id: string
  credentialHeader: string | null
  /** Headers that the file names and no broker sends. */
  leftOutHeaders: string[]
  variables: { name: string; isRequired: boolean; isSecret: boolean }[]
}

/**
 * Registers a server as a `server.json` describes it; of a package the one that was fetched before. Needs `servers:manage`; throws `invalid`
 * with line and field of every error in the file, or with what is missing in the chosen way, and as `registerServer`.
 */
export async function importServer(ctx: Ctx, input: ImportServerInput): Promise<Imported> {
  authorize(ctx, 'servers:manage')
  const { proposal, options, name, version } = read(input.text)
  const option = options[input.option]
  if (!option)
    throw refuse('option', `${name} names ${options.length} ways to reach it; there is no number ${input.option}.`)
  if (option.problems.length > 0 || option.transport === 'none') throw refuse('option', option.problems.join(' '))
  const isPackage = option.transport === 'package'
  const command = isPackage ? await commandOf(ctx, option, input) : undefined
  const checked = registerServerInput.safeParse({
    id: input.id ?? proposal.id,
    name: input.name ?? proposal.name,
    description: proposal.description,
    ...(isPackage ? { transport: 'stdio', command } : { transport: 'http', url: option.url }),
    environment: input.environment,
    sensitivity: input.sensitivity,
    dataClasses: input.dataClasses,
    acknowledged: input.acknowledged,
  })
  if (!checked.success) {
    const [issue] = checked.error.issues
    throw refuse(issue!.path.join('.'), issue!.message)
  }
  await registerServer(ctx, checked.data, `server.json of ${name} ${version}`)
  return {
    id: checked.data.id,
    credentialHeader: isPackage ? null : option.credentialHeader,
    leftOutHeaders: isPackage ? [] : option.leftOut.map(({ name }) => name),
    variables: isPackage
      ? option.variables.map(({ name, isRequired, isSecret }) => ({ name, isRequired, isSecret }))
      : [],
  }
}

function read(text: string): ServerJson {
  const outcome = readServerJson(text)
  if (outcome.ok) return outcome.value
  const { errors } = outcome
  const said = errors.map(
    ({ line, column, field, message }) => `Line ${line}, column ${column}${field && `, ${field}`}: ${message}`,
  )
  throw refuse('text', `This is no server.json. ${said.join(' ')}`, { errors })
}

async function commandOf(ctx: Ctx, option: PackageOption, input: ImportServerInput): Promise<ServerCommand> {
  const { name, version } = option.package
  if (input.packageId === undefined)
    throw refuse('packageId', `Fetch ${name}@${version} first, and name what was fetched.`)
  const fetched = await fetchedPackage(ctx.db, input.packageId)
  if (fetched?.reference.name !== name || fetched.reference.version !== version)
    throw refuse('packageId', `What was fetched is not ${name}@${version}.`)
  const program = input.program ?? fetched.programs[0] ?? ''
  const command = packageCommand(option, { reference: fetched.reference, program, values: input.values })
  if (!command.ok) throw refuse(`values.${command.field}`, command.message)
  return command.command
}

function refuse(field: string, message: string, more: Record<string, unknown> = {}): DomainError {
  return new DomainError('invalid', message, { field, rule: 'registry:server_json', ...more })
}
