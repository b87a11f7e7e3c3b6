import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Failed } from './errors.ts'

const stored = z.strictObject({
  /** The address used when none is named. */
  url: z.string().nullable(),
  /** Token by address: a token is sent only where it belongs. */
  tokens: z.record(z.string(), z.string()),
})
export type Logins = z.infer<typeof stored>

/** What `wheelhouse login` has stored; nothing when there is no file. */
export async function readLogins(folder: string): Promise<Logins> {
  const path = fileIn(folder)
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return { url: null, tokens: {} }
  const parsed = stored.safeParse(parseJson(text))
  if (!parsed.success) throw new Failed(`${path} is damaged. Remove it and sign in again.`)
  return parsed.data
}

/** Writes the logins for this user alone (0600), whole or not at all; returns the path. */
export async function writeLogins(folder: string, logins: Logins): Promise<string> {
  const path = fileIn(folder)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}`
  await writeFile(draft, `${JSON.stringify(logins, null, 2)}\n`, { mode: 0o600 })
  await chmod(draft, 0o600)
  await rename(draft, path)
  return path
}

function fileIn(folder: string): string {
  return join(folder, 'logins.json')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
