import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { writeManifest } from './manifest/document.ts'
import { manifestFieldsOf } from './manifest/of-agent.ts'

/** `measured: false` leaves out what is measured and reviewed, for files kept in a repository. */
export type ExportOptions = { measured?: boolean }

/** An agent's registry entry as YAML; applying it again changes nothing. Needs `agents:read`; throws `not_found`. */
export async function exportManifest(ctx: Ctx, id: string, options: ExportOptions = {}): Promise<string> {
  authorize(ctx, 'agents:read')
  return writeManifest(await manifestFieldsOf(ctx, id), options)
}

/** Several agents as one file of many documents, in the order given. Needs `agents:read`; throws `not_found`. */
export async function exportManifests(ctx: Ctx, ids: readonly string[], options: ExportOptions = {}): Promise<string> {
  const documents: string[] = []
  for (const id of ids) documents.push(await exportManifest(ctx, id, options))
  return documents.join('---\n')
}
