import { setTimeout as sleep } from 'node:timers/promises'
import { StartError } from './home.ts'
import type { Supervised } from './supervised.ts'

/** Waits until something answers HTTP on every port; any answer below 500 shows that the process serves. */
export async function untilServing(options: {
  process: Supervised
  host: string
  ports: number[]
  path: string
  timeoutMs: number
  signal: AbortSignal
}): Promise<void> {
  const host = options.host.includes(':') ? `[${options.host}]` : options.host.replace(/^0\.0\.0\.0$/, '127.0.0.1')
  const deadline = Date.now() + options.timeoutMs
  for (const port of options.ports) {
    while (!(await answers(`http://${host}:${port}${options.path}`))) {
      options.signal.throwIfAborted()
      if (options.process.failureCount >= 3 || Date.now() > deadline) {
        throw new StartError(
          `${options.process.spec.name} did not become ready on port ${port}; its messages are above and in logs/${options.process.spec.name}.log`,
        )
      }
      await sleep(100)
    }
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(10_000) })
    await response.body?.cancel()
    return response.status < 500
  } catch {
    return false
  }
}
