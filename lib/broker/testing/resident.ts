import { readFile } from 'node:fs/promises'

/** Does the work and looks at how many megabytes of memory the process has meanwhile. */
export async function measure<T>(work: () => Promise<T>, pid: number): Promise<{ answer: T; most: number }> {
  const state = { done: false }
  const working = work().finally(() => (state.done = true))
  let most = 0
  while (!state.done) {
    most = Math.max(most, await residentMegabytes(pid))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { answer: await working, most }
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / 1024
}
