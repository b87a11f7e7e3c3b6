import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { chmod, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

/** A reason not to start that the person at the terminal can act on. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

const secretsSchema = z.record(z.string(), z.string())

/** Secrets this installation makes for itself: name → how. */
const generators = {
  WHEELHOUSE_AUTH_SECRET: () => randomBytes(48).toString('base64url'),
  WHEELHOUSE_ENCRYPTION_KEY: () => randomBytes(32).toString('base64'),
  WHEELHOUSE_STDIO_KEY: () => randomBytes(32).toString('base64'),
  WHEELHOUSE_CLAUDE_KEY: () => randomBytes(32).toString('base64url'),
  WHEELHOUSE_ENVIRONMENT_KEY: () => randomBytes(32).toString('base64url'),
  WHEELHOUSE_DEMO_TOKEN: () => randomBytes(32).toString('base64url'),
  POSTGRES_PASSWORD: () => randomBytes(24).toString('base64url'),
}
export type SecretName = keyof typeof generators
export type Secrets = Record<SecretName, string>

/** Makes the data folder. PostgreSQL's account must pass through it, so its secrets are protected file by file. */
export async function openHome(home: string): Promise<void> {
  const created = await mkdir(home, { recursive: true })
  if (created) await chmod(home, 0o755)
  await mkdir(join(home, 'logs'), { recursive: true, mode: 0o700 })
}

/** Reads `secrets.json` (0600), adding what is missing; what the environment gives wins and is not written. */
export async function loadSecrets(home: string, given: Partial<Record<string, string | undefined>>): Promise<Secrets> {
  const path = join(home, 'secrets.json')
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    // New secrets in its place could not open what is encrypted with those in it.
    throw new StartError(`${path} cannot be read (${error.code}). Start as the user it belongs to.`)
  })
  const stored = secretsSchema.safeParse(parseJson(text))
  if (!stored.success)
    throw new StartError(
      `${path} is damaged. Restore it from a backup; a new one could not open what is encrypted with the old.`,
    )
  const missing = Object.entries(generators).filter(([name]) => !stored.data[name])
  const secrets = { ...stored.data, ...Object.fromEntries(missing.map(([name, make]) => [name, make()])) }
  if (missing.length > 0) await writePrivately(path, `${JSON.stringify(secrets, null, 2)}\n`)
  await chmod(path, 0o600)
  const overrides = Object.entries(given).filter(([name, value]) => name in generators && value)
  return { ...secrets, ...Object.fromEntries(overrides) } as Secrets
}

/** Only one start program may use a data folder. The lock goes when this program exits, or is taken over when it was killed. */
export async function lockHome(home: string): Promise<void> {
  const path = join(home, 'start.pid')
  for (let attempt = 0; attempt < 2; attempt++) {
    const file = await open(path, 'wx').catch(() => null)
    if (file) {
      await file.writeFile(String(process.pid))
      await file.close()
      process.on('exit', () => rmSync(path, { force: true }))
      return
    }
    const owner = Number(await readFile(path, 'utf8').catch(() => '0'))
    if (owner && isStartProgram(owner)) {
      throw new StartError(
        `Wheelhouse is already running with the data folder ${home} (process ${owner}). Stop it, or set WHEELHOUSE_HOME to another folder.`,
      )
    }
    await rm(path, { force: true })
  }
}

async function writePrivately(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}`
  await writeFile(draft, text, { mode: 0o600 })
  await rename(draft, path)
}

/** Process ids are used again, so the id alone proves nothing. */
function isStartProgram(pid: number): boolean {
  if (pid === process.pid) return false
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  return (stdout ?? '').includes('start.ts')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
