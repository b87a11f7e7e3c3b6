import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { digestOf } from '#lib/core/canonical-json.ts'
import { layerSlot, unknownPlaceholders } from './rules.ts'
import { type TemplateEvals, templateEvals, type TemplateManifest, templateManifest } from './schema.ts'

export type TemplateSource = {
  manifest: TemplateManifest
  prompt: string
  changelog: string
  evals: TemplateEvals
  /** SHA-256 hex over manifest, prompt and evals. */
  digest: string
}

/** Every template of the folder, by id. Throws naming the file and the field when one is wrong: a broken template is never published in part. */
export async function readTemplates(folder: string): Promise<TemplateSource[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const ids = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return Promise.all(ids.toSorted().map((id) => readTemplate(join(folder, id), id)))
}

async function readTemplate(folder: string, id: string): Promise<TemplateSource> {
  const read = (name: string) => readFile(join(folder, name), 'utf8')
  const manifest = checked(`${id}/template.yaml`, templateManifest, parse(await read('template.yaml')))
  const evals = checked(`${id}/evals.yaml`, templateEvals, parse(await read('evals.yaml')))
  const prompt = await read('prompt.md')
  const changelog = await read('CHANGELOG.md')

  if (manifest.id !== id) throw new Error(`${id}/template.yaml: id must be ${id}, the name of its folder.`)
  const unknown = unknownPlaceholders(manifest, prompt)
  if (unknown.length > 0) throw new Error(`${id}/prompt.md: {{${unknown[0]}}} is not a parameter of the template.`)
  if (prompt.split(layerSlot).length !== 2) throw new Error(`${id}/prompt.md: ${layerSlot} must be there exactly once.`)
  if (!changelog.includes(`## ${manifest.version}`))
    throw new Error(`${id}/CHANGELOG.md: there is no section "## ${manifest.version}".`)
  return { manifest, prompt, changelog, evals, digest: digestOf({ manifest, prompt, evals }) }
}

function checked<S extends z.ZodType>(file: string, schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new Error(`${file} is wrong:\n${z.prettifyError(parsed.error)}`)
  return parsed.data
}
