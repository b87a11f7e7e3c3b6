import { setTimeout as sleep } from 'node:timers/promises'
import type { Exec, ExecExit, ExecSpec, SandboxDriver } from './driver.ts'
import { BoundedOutput } from './output.ts'

export type RunOptions = Pick<ExecSpec, 'argv' | 'cwd' | 'env'> & {
  input?: string | Uint8Array
  timeoutMs: number
  /** What is kept of each stream. */
  keepBytes: number
  /** More than this in all, and the program is ended. Default: 64 times what is kept. */
  outputBytesMax?: number
  signal?: AbortSignal
}

export type RunOutcome = {
  exit: ExecExit
  stdout: Buffer
  stderr: Buffer
  /** Why it was ended from outside, if it was. */
  ended: 'timeout' | 'output' | 'aborted' | null
}

/** A program told to end has this long before its whole sandbox is ended instead: nothing inside can outwait its limit. */
export const obeyMs = 2_000

/** Runs one program to its end, bounded in time and output. Never rejects for what the program does. */
export async function runInSandbox(driver: SandboxDriver, id: string, options: RunOptions): Promise<RunOutcome> {
  const outputs = { stdout: new BoundedOutput(options.keepBytes), stderr: new BoundedOutput(options.keepBytes) }
  const outputBytesMax = options.outputBytesMax ?? options.keepBytes * 64
  const flood = Promise.withResolvers<'output'>()
  const { argv, cwd, env } = options
  const exec = await driver.exec(id, {
    argv,
    ...(cwd ? { cwd } : {}),
    ...(env ? { env } : {}),
    onOutput(stream, chunk) {
      outputs[stream].push(chunk)
      if (outputs.stdout.total + outputs.stderr.total > outputBytesMax) flood.resolve('output')
    },
  })
  if (options.input !== undefined) exec.write(options.input)
  exec.end()
  const ended = await endedBy(exec, { flood: flood.promise, timeoutMs: options.timeoutMs, signal: options.signal })
  if (ended) {
    exec.kill()
    await obeyed(driver, id, exec)
  }
  const exit = await exec.exited
  return { exit, stdout: outputs.stdout.bytes(), stderr: outputs.stderr.bytes(), ended }
}

/** Waits for a program that was told to end; ends its sandbox when it does not. */
export async function obeyed(driver: SandboxDriver, id: string, exec: Exec): Promise<void> {
  const obeys = await Promise.race([exec.exited.then(() => true), sleep(obeyMs, false, { ref: false })])
  if (!obeys) await driver.kill(id)
}

/** The first of: its own end (null), the limit of time or output, the caller's signal. */
export async function endedBy(
  exec: Exec,
  limits: { flood: Promise<'output'>; timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<'timeout' | 'output' | 'aborted' | null> {
  const done = new AbortController()
  const aborted = Promise.withResolvers<'aborted'>()
  const onAbort = (): void => aborted.resolve('aborted')
  if (limits.signal?.aborted) onAbort()
  limits.signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([
      exec.exited.then(() => null),
      limits.flood,
      aborted.promise,
      sleep(limits.timeoutMs, 'timeout' as const, { signal: done.signal }).catch(() => null),
    ])
  } finally {
    limits.signal?.removeEventListener('abort', onAbort)
    done.abort()
  }
}
