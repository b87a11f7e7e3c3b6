import { randomBytes } from 'node:crypto'
import { freePort } from '#lib/dev/ports.ts'
import { type Child, startChild } from './child.ts'
import { type Gate, startGate } from './gate.ts'
import { type Script, startTestModel, type TestModel } from './model.ts'

/** The embedded Claude server and workers as processes of their own, on one test database, with a model made of a function. */
export type Stack = {
  model: TestModel
  /** Between the workers and the Claude server. */
  gate: Gate
  /** What every process of the stack is started with. */
  env: Record<string, string>
  startWorker(): Promise<Child & { port: number }>
  stop(): Promise<void>
}

export async function startStack(options: { databaseUrl: string; script: Script; brokerUrl?: string }): Promise<Stack> {
  const model = await startTestModel(options.script)
  const claudePort = await freePort()
  const children: Child[] = []
  const env: Record<string, string> = {
    DATABASE_URL: options.databaseUrl,
    WHEELHOUSE_HOST: '127.0.0.1',
    WHEELHOUSE_URL: 'http://localhost:3999',
    WHEELHOUSE_BROKER_URL: options.brokerUrl ?? 'http://localhost:7999',
    WHEELHOUSE_CLAUDE_PORT: String(claudePort),
    WHEELHOUSE_MODEL_PORT: String(model.port),
    WHEELHOUSE_CLAUDE_KEY: randomBytes(16).toString('hex'),
    WHEELHOUSE_ENVIRONMENT_KEY: randomBytes(16).toString('hex'),
    WHEELHOUSE_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    WHEELHOUSE_GRACE_MS: '5000',
    WHEELHOUSE_LOG_LEVEL: 'info',
  }
  const claudeUrl = `http://127.0.0.1:${claudePort}`
  const claude = await startChild({
    entry: 'lib/claude/embedded/main.ts',
    env,
    ready: async () => (await fetch(`${claudeUrl}/healthz`)).ok,
  })
  const gate = await startGate(claudeUrl)
  return {
    model,
    gate,
    env,
    async startWorker() {
      const port = await freePort()
      const worker = await startChild({
        entry: 'lib/jobs/main.ts',
        env: { ...env, WHEELHOUSE_WORKER_PORT: String(port), WHEELHOUSE_CLAUDE_URL: gate.url },
        ready: async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok,
      })
      children.push(worker)
      return { ...worker, port }
    },
    async stop() {
      await Promise.all(children.map((child) => child.stop()))
      await gate.stop()
      await claude.stop()
      await model.stop()
    },
  }
}
