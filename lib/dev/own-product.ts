import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './ports.ts'
import { root } from './source-files.ts'

/**
 * Runs `work` beside a Wheelhouse of its own: a new data folder, free ports, demo data. `env` is the environment that it runs in (`WHEELHOUSE_URL`: its portal). It is stopped and its folder removed afterwards
 * (`WHEELHOUSE_KEEP` keeps the folder). Throws with the end of its output if it does not start.
 */
export async function withOwnProduct<Result>(work: (env: NodeJS.ProcessEnv) => Promise<Result>): Promise<Result> {
  const home = await mkdtemp(join(tmpdir(), 'wheelhouse-own-'))
  await chmod(home, 0o755)
  const env = { ...process.env, ...(await ownEnvironment(home)) }
  const product = spawn(process.execPath, [join(root, 'lib/dev/start.ts')], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const ended = new Promise<void>((resolve) => product.once('close', () => resolve()))
  try {
    await untilReady(product)
    return await work(env)
  } finally {
    product.kill('SIGTERM')
    await ended
    if (process.env['WHEELHOUSE_KEEP'] === undefined) await rm(home, { recursive: true, force: true })
  }
}

async function ownEnvironment(home: string): Promise<Record<string, string>> {
  const names = ['PORTAL', 'BROKER', 'CLAUDE', 'MODEL', 'SANDBOX', 'WORKER', 'POSTGRES']
  // The demo servers take six ports in a row.
  const [demo, npmRegistry, ...others] = await freePorts([6, 1, ...names.map(() => 1)])
  const ports = names.map((name, at) => [`WHEELHOUSE_${name}_PORT`, String(others[at])])
  return {
    ...Object.fromEntries(ports),
    WHEELHOUSE_DEMO_PORT: String(demo),
    WHEELHOUSE_HOME: home,
    WHEELHOUSE_URL: `http://localhost:${others[0]}`,
    WHEELHOUSE_DEMO: 'true',
    // Nobody is there until somebody has one there.
    WHEELHOUSE_NPM_REGISTRY: `http://127.0.0.1:${npmRegistry}`,
    DATABASE_URL: '',
    WHEELHOUSE_BROKER_URL: '',
    WHEELHOUSE_CLAUDE_URL: '',
    ANTHROPIC_API_KEY: '',
  }
}

function untilReady(product: ReturnType<typeof spawn>): Promise<void> {
  let output = ''
  return new Promise((resolve, reject) => {
    product.stdout?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000)
      if (/^wheelhouse ready /m.test(output)) resolve()
    })
    product.once('close', (code) => reject(new Error(`Wheelhouse did not start (code ${code}):\n${output}`)))
  })
}
