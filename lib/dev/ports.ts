import { createServer } from 'node:net'

/** A TCP port that was free on loopback a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (!address || typeof address === 'string') throw new Error('No free port was found on 127.0.0.1.')
  return address.port
}

/** First ports of free runs of the given lengths on loopback; no two overlap. */
export async function freePorts(lengths: readonly number[]): Promise<number[]> {
  const firsts: number[] = []
  let next = 20_000 + Math.floor(Math.random() * 10_000)
  for (const length of lengths) {
    while (!(await isRunFree(next, length))) next += 1
    firsts.push(next)
    next += length
  }
  return firsts
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
