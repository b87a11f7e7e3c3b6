import type { Log } from '#lib/log/log.ts'

/**
 * The life of a process after it has started: the first SIGTERM or SIGINT stops it gracefully, a second one or the end of the grace time by
 * force. The exit code tells: 0 after a graceful stop, 1 after a forced one.
 */
export function onShutdown(options: {
  graceMs: number
  log: Log
  stop: () => Promise<void>
  abort: () => Promise<void>
}): void {
  let stopping = false
  const force = (why: string): void => {
    options.log.warn(`forced to stop: ${why}`)
    void options.abort().finally(() => process.exit(1))
    setTimeout(() => process.exit(1), 1_000).unref()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return force(`a second ${signal}`)
      stopping = true
      options.log.info(`stopping on ${signal}`)
      setTimeout(() => force(`not done after ${options.graceMs} ms`), options.graceMs).unref()
      options.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          options.log.error({ err: error }, 'stopping failed')
          process.exit(1)
        },
      )
    })
  }
}
