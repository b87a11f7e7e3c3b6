import { createWriteStream, existsSync, renameSync, statSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { createInterface } from 'node:readline'

const bytesMax = 20_000_000
const colors = [36, 33, 35, 32, 34, 31, 96, 93]
let assigned = 0

export type Output = {
  line(text: string): void
  attach(stream: Readable | null): void
  /** The last lines, for the message of a failure. */
  tail(): string
  close(): void
}

/**
 * Where a process's lines go: to the terminal with its name in front, and as they are to `logs/<name>.log` (kept once more as `.1`
 * when it passes 20 MB). JSON log lines become readable ones in the terminal. A quiet one writes to its file only.
 */
export function createOutput(home: string, name: string, options: { quiet?: boolean } = {}): Output {
  const path = join(home, 'logs', `${name}.log`)
  const label = process.stdout.isTTY
    ? `\u001B[${colors[assigned++ % colors.length]}m${name.padEnd(8)}\u001B[0m`
    : name.padEnd(8)
  let file = openLog(path)
  const last: string[] = []
  let bytes = existsSync(path) ? statSync(path).size : 0

  function line(text: string): void {
    bytes += Buffer.byteLength(text) + 1
    if (bytes > bytesMax) {
      file.end()
      renameSync(path, `${path}.1`)
      file = openLog(path)
      bytes = 0
    }
    file.write(`${text}\n`)
    last.push(text)
    if (last.length > 60) last.shift()
    if (!options.quiet) process.stdout.write(`${label} ${readable(text)}\n`)
  }

  return {
    line,
    attach: (stream) => stream && createInterface({ input: stream }).on('line', line),
    tail: () => last.join('\n'),
    close: () => file.end(),
  }
}

const levels: Record<number, string> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }

/** `{"level":30,"time":…,"msg":"listening","port":7400}` as `info listening port=7400`; anything else unchanged. */
export function readable(line: string): string {
  const entry = parseEntry(line)
  if (!entry) return line
  const { level, time: _time, process: _process, pid: _pid, hostname: _hostname, msg, err, ...rest } = entry
  const facts = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const stack = stackOf(err)
  return [levels[level] ?? 'info', msg, ...facts].filter(Boolean).join(' ') + (stack ? `\n${stack}` : '')
}

function stackOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  return 'stack' in error && typeof error.stack === 'string' ? error.stack : JSON.stringify(error)
}

function parseEntry(line: string): ({ level: number; msg?: unknown } & Record<string, unknown>) | null {
  if (!line.startsWith('{')) return null
  try {
    const entry = JSON.parse(line) as Record<string, unknown>
    return typeof entry['level'] === 'number' ? { ...entry, level: entry['level'] } : null
  } catch {
    return null
  }
}

function openLog(path: string): WriteStream {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 })
  stream.on('error', () => {})
  return stream
}
