import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Generous: on a busy machine a process may take long to start, and a slow start is not what the tests are about. */
const startMsMax = 90_000

const root = join(import.meta.dirname, '../../..')

export type Child = {
  pid: number
  /** Everything it has written so far. */
  output(): string
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>
  /** SIGKILL: what a crash or an out-of-memory kill looks like. */
  kill(): Promise<void>
}

/** Starts one of our processes as it is started in production, and waits until `ready` says so. */
export async function startChild(options: {
  entry: string
  /** Of Node, as it gets them in production. */
  nodeArguments?: readonly string[]
  env: Record<string, string>
  ready: () => Promise<boolean>
}): Promise<Child> {
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), join(root, options.entry)], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'test', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  }
  const onExit = (): void => void child.kill('SIGKILL')
  process.once('exit', onExit)
  child.once('exit', () => process.off('exit', onExit))
  const deadline = Date.now() + startMsMax
  while (!(await options.ready().catch(() => false))) {
    if (child.exitCode !== null) throw new Error(`${options.entry} ended with ${child.exitCode}:\n${output}`)
    if (Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`${options.entry} was not ready in time:\n${output}`)
    }
    await sleep(50)
  }
  return {
    pid: child.pid ?? 0,
    output: () => output,
    stop: () => end(child, 'SIGTERM'),
    kill: async () => void (await end(child, 'SIGKILL')),
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
  return child.exitCode
}
