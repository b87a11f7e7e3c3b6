import { print } from './print.ts'

/** The bars are of so many calls; more of them have none. */
const barCalls = 1_000_000

/** Says whether something took no longer than its bar, and ends the bench with 1 when it did. */
export function holdTo(barSeconds: number, measured: { what: string; seconds: number; calls: number }): void {
  const { what, seconds, calls } = measured
  if (calls > barCalls) return
  const within = seconds <= barSeconds
  print(`${what}: ${within ? 'within' : 'above'} ${barSeconds} s.`)
  if (!within) process.exitCode = 1
}
