import { readFileSync, statSync } from 'node:fs'
import { type KeyWrapper, localKeyWrapper } from '#lib/core/key-wrapper.ts'
import { ConfigError } from '#lib/config/shared.ts'

/** The keys of a file: 32 bytes in base64 a line, newest first. Only its owner may be able to read it; throws `ConfigError` otherwise. */
export function fileKeyWrappers(path: string): KeyWrapper[] {
  const refuse = (what: string) => new ConfigError(`WHEELHOUSE_KEYS names the key file ${path}: ${what}`)
  let text: string
  try {
    const stat = statSync(path)
    if (!stat.isFile()) throw refuse('it is no file.')
    if ((stat.mode & 0o077) !== 0) throw refuse('others than its owner may use it; chmod 600 it.')
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw refuse(`it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`)
  }
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  if (lines.length === 0 || !lines.every((line) => /^[A-Za-z0-9+/]{43}=$/.test(line))) {
    throw refuse('each line must be 32 random bytes in base64 (openssl rand -base64 32).')
  }
  return lines.map((line) => localKeyWrapper(line, 'file'))
}
