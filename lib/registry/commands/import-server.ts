import type { Ctx } from '#lib/auth/ctx.ts'
import { authorize } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { readServerJson } from '../rules/server-json.ts'
import { type ImportServerInput, registerServerInput } from '../schema.ts'
import { registerServer } from './servers.ts'

/**
 * Registers a server as a `server.json` describes it. Needs `servers:manage`; throws `invalid` with line and field of every error in the
 * file, or with what is missing in the chosen way, and as `registerServer`.
 */
export async function importServer(
  ctx: Ctx,
  input: ImportServerInput,
): Promise<{ id: string; credentialHeader: string | null }> {
  authorize(ctx, 'servers:manage')
  const read = readServerJson(input.text)
  if (!read.ok) {
    const errors = read.errors.map(
      ({ line, column, field, message }) => `Line ${line}, column ${column}${field && `, ${field}`}: ${message}`,
    )
    throw new DomainError('invalid', `This is no server.json. ${errors.join(' ')}`, {
      field: 'text',
      rule: 'registry:server_json',
      errors: read.errors,
    })
  }
  const { proposal, options, name, version } = read.value
  const option = options[input.option]
  if (!option) {
    const message = `${name} names ${options.length} ways to reach it; there is no number ${input.option}.`
    throw new DomainError('invalid', message, { field: 'option', rule: 'registry:server_json' })
  }
  if (option.problems.length > 0) {
    throw new DomainError('invalid', option.problems.join(' '), { field: 'option', rule: 'registry:server_json' })
  }
  const checked = registerServerInput.safeParse({
    id: input.id ?? proposal.id,
    name: input.name ?? proposal.name,
    description: proposal.description,
    transport: option.transport,
    ...(option.transport === 'http' ? { url: option.url } : { command: option.command }),
    environment: input.environment,
    sensitivity: input.sensitivity,
    dataClasses: input.dataClasses,
    acknowledged: input.acknowledged,
  })
  if (!checked.success) {
    const [issue] = checked.error.issues
    throw new DomainError('invalid', issue!.message, { field: issue!.path.join('.'), rule: 'registry:server_json' })
  }
  await registerServer(ctx, checked.data, `server.json of ${name} ${version}`)
  return { id: checked.data.id, credentialHeader: option.credentialHeader }
}
