import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from '#lib/dev/source-files.ts'

export type CliRun = { code: number | null; out: string; err: string }

/** Runs the real command line as its own process, with only these variables of ours, and a home folder of its own. */
export function startCli(
  args: readonly string[],
  options: { home: string; env?: Record<string, string>; input?: string },
) {
  const child = spawn(process.execPath, [join(root, 'lib/api/cli/main.ts'), ...args], {
    cwd: options.home,
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'test',
      HOME: options.home,
      XDG_CONFIG_HOME: join(options.home, 'config'),
      WHEELHOUSE_HOME: options.home,
      ...options.env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const run: CliRun = { code: null, out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (run.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (run.err += chunk.toString()))
  child.stdin.end(options.input ?? '')
  const ended = new Promise<CliRun>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(Object.assign(run, { code })))
  })
  return { run, ended, kill: () => child.kill('SIGTERM') }
}
