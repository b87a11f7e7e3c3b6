import { randomBytes } from 'node:crypto'
import { freePort } from '#lib/dev/ports.ts'
import { type Child, startChild } from './child.ts'

/** A worker as it is started in production, and of the platform's processes nothing else: nobody answers for Claude. */
export async function startWorkerProcess(env: {
  DATABASE_URL: string
  WHEELHOUSE_ENCRYPTION_KEY: string
  WHEELHOUSE_URL?: string
}): Promise<Child> {
  const port = await freePort()
  return await startChild({
    entry: 'lib/jobs/main.ts',
    env: {
      WHEELHOUSE_WORKER_PORT: String(port),
      WHEELHOUSE_CLAUDE_URL: `http://127.0.0.1:${await freePort()}`,
      WHEELHOUSE_CLAUDE_KEY: randomBytes(16).toString('hex'),
      WHEELHOUSE_LOG_LEVEL: 'warn',
      ...env,
    },
    ready: async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok,
  })
}
