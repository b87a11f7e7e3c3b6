import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { writeManifest } from './manifest/document.ts'
import { manifestFieldsOf } from './manifest/of-agent.ts'

/** `measured: false` leaves out what is measured and reviewed, for files kept in a repository. */
export type ExportOptions = { measured?: boolean }

/** Agents read at a time: what an export holds in memory. */
const batchSize = 200

/** An agent's registry entry as YAML; applying it again changes nothing. Needs `agents:read`; throws `not_found`. */
export async function exportManifest(ctx: Ctx, id: string, options: ExportOptions = {}): Promise<string> {
  authorize(ctx, 'agents:read')
  const [fields] = await manifestFieldsOf(ctx, [id])
  return writeManifest(fields!, options)
}

/** Several agents as one file of many documents, in the order given, piece by piece. Needs `agents:read`; throws `not_found`. */
export async function* exportManifests(
  ctx: Ctx,
  ids: readonly string[],
  options: ExportOptions = {},
): AsyncGenerator<string, void, void> {
  authorize(ctx, 'agents:read')
  for (let from = 0; from < ids.length; from += batchSize) {
    const fields = await manifestFieldsOf(ctx, ids.slice(from, from + batchSize))
    const documents = fields.map((each) => writeManifest(each, options)).join('---\n')
    yield from === 0 ? documents : `---\n${documents}`
  }
}
