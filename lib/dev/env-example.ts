import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { variables } from '#lib/config/shared.ts'

/** The text of `.env.example`: every variable with its meaning, commented out, with its default or nothing. */
export function envExample(): string {
  const entries = Object.entries(variables.shape).map(([name, schema]) => {
    const parsed = schema.safeParse(undefined)
    const standard = parsed.success && typeof parsed.data !== 'object' ? String(parsed.data ?? '') : ''
    return `# ${z.globalRegistry.get(schema)?.description ?? ''}\n# ${name}=${standard}\n`
  })
  return `# Everything can stay unset to try Wheelhouse on this machine. Set what you need in the environment of the process.\n\n${entries.join('\n')}`
}

if (import.meta.main) await writeFile(join(import.meta.dirname, '../../.env.example'), envExample())
