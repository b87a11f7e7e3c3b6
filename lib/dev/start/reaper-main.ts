import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

// See reaper.ts. Reads `+ <pid> <how>` and `- <pid>`; at the end of its input it ends what is left, first politely, then surely.
const left = new Map<number, string>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const [sign, pid, endBy] = line.split(' ')
  if (sign === '+') left.set(Number(pid), endBy ?? 'group')
  else left.delete(Number(pid))
}

const others = [...left].filter(([, endBy]) => endBy !== 'postgres').map(([pid]) => -pid)
const databases = [...left].filter(([, endBy]) => endBy === 'postgres').map(([pid]) => pid)
await end(others, ['SIGTERM', 'SIGKILL'])
await end(databases, ['SIGINT', 'SIGQUIT', 'SIGKILL'])

async function end(targets: number[], signals: NodeJS.Signals[]): Promise<void> {
  for (const signal of signals) {
    for (const target of targets) send(target, signal)
    for (let waited = 0; waited < 5000 && targets.some((target) => send(target, 0)); waited += 100) await sleep(100)
  }
}

/** Whether the process, or for a negative number anyone in the group, was there to receive it. */
function send(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal)
  } catch {
    return false
  }
}
