import { spawn } from 'node:child_process'
import { StartError } from './home.ts'
import type { Output } from './output.ts'
import type { Reaper } from './reaper.ts'

export type ToolParts = { root: string; output: Output; reaper: Reaper; signal: AbortSignal }

/** Runs one of our programs to its end on this Node; ends it with everything it started when the start is broken off. */
export async function runTool(
  args: string[],
  options: ToolParts & { env: Record<string, string | undefined>; failure: string },
): Promise<void> {
  options.signal.throwIfAborted()
  const env = { NODE_ENV: 'production' as const, ...options.env }
  const child = spawn(process.execPath, args, {
    cwd: options.root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const { pid } = child
  if (pid) options.reaper.watch(pid, 'group')
  const abort = () => pid && killGroup(pid)
  options.signal.addEventListener('abort', abort)
  options.output.attach(child.stdout)
  options.output.attach(child.stderr)
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  options.signal.removeEventListener('abort', abort)
  if (pid) options.reaper.forget(pid)
  options.signal.throwIfAborted()
  if (code !== 0) throw new StartError(`${options.failure}\n\n${options.output.tail()}`)
}

/** Ends everyone in the process group of `pid`. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}
