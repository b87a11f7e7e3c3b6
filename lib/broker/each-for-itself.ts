import type { Log } from '#lib/log/log.ts'

/** What one of those who hear of the registry cannot do keeps no other from stopping what is to be stopped. */
export function eachForItself(log: Log, consumers: readonly (() => void)[]): void {
  for (const consume of consumers) {
    try {
      consume()
    } catch (error) {
      log.error({ err: error }, 'what the registry brought could not be carried out as a whole')
    }
  }
}
