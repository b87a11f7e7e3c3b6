import { createServer } from 'node:net'

// Below the range from which systems give ports to outgoing connections (32768 and up on Linux, 49152 elsewhere): a
// port asked of the system may be one of those again before its server has it, or while the server is restarted.
const [lowest, highest] = [20_000, 30_000]
let next = lowest + Math.floor(Math.random() * (highest - lowest))

/** A TCP port that was free on loopback a moment ago; this process is not given it again soon. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts([1])
  if (port === undefined) throw new Error('No free port was found on 127.0.0.1.')
  return port
}

/** First ports of free runs of the given lengths on loopback; no two overlap. */
export async function freePorts(lengths: readonly number[]): Promise<number[]> {
  const firsts: number[] = []
  for (const length of lengths) {
    let first = take(length)
    while (!(await isRunFree(first, length))) first = take(length)
    firsts.push(first)
  }
  return firsts
}

function take(length: number): number {
  if (next + length > highest) next = lowest
  const first = next
  next += length
  return first
}

async function isRunFree(first: number, length: number): Promise<boolean> {
  const free = await Promise.all(Array.from({ length }, (_, at) => isPortFree(first + at, '127.0.0.1')))
  return free.every(Boolean)
}

/** Whether something can still listen on the port of that host. */
export async function isPortFree(port: number, host: string): Promise<boolean> {
  const server = createServer()
  return await new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
