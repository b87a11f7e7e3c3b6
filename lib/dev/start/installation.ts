import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StartConfig } from '#lib/config/start.ts'
import { generateIfStale } from '#lib/dev/generate.ts'
import { announce, step } from './announce.ts'
import { ensureBuild } from './build.ts'
import { type EmbeddedDatabase, startEmbeddedDatabase } from './database.ts'
import { checkExternalDatabase } from './external-database.ts'
import { loadSecrets, lockHome, openHome, type Secrets } from './home.ts'
import { createOutput, type Output } from './output.ts'
import { checkPorts } from './ports.ts'
import { foreignVariables, pickVariables, planProcesses, type ProcessPlan, toSpec } from './processes.ts'
import { Reaper } from './reaper.ts'
import { untilServing } from './ready.ts'
import { Supervised } from './supervised.ts'
import { runTool, type ToolParts } from './tool.ts'

const root = join(import.meta.dirname, '../../..')
const readyTimeoutMs = 120_000

/** One running Wheelhouse: its data folder, its database, its processes. */
export class Installation {
  private readonly config: StartConfig
  private readonly watch: boolean
  private readonly abort = new AbortController()
  private readonly reaper = new Reaper()
  private readonly outputs: Output[] = []
  private processes: Supervised[] = []
  private database: EmbeddedDatabase | undefined
  private stopped: Promise<void> | undefined

  constructor(options: { config: StartConfig; watch: boolean }) {
    this.config = options.config
    this.watch = options.watch
  }

  /** Returns when everything serves, having said so. If a step fails, what was started is stopped again. */
  async start(): Promise<void> {
    try {
      await this.bringUp()
      announce(`wheelhouse ready ${this.config.url}`)
    } catch (error) {
      await this.stop('')
      throw error
    }
  }

  /** Stops everything in good order: first those who use the database, then the database. Safe to call twice. */
  stop(why: string): Promise<void> {
    this.stopped ??= this.takeDown(why)
    return this.stopped
  }

  /** Stops everything at once; work under way is lost, what is committed is not. */
  kill(): void {
    announce('stopping by force')
    for (const supervised of this.processes) supervised.kill()
    this.database?.kill()
  }

  private async bringUp(): Promise<void> {
    const { config } = this
    const plans = planProcesses(config)
    await openHome(config.home)
    await lockHome(config.home)
    const ports = [...plans.flatMap((plan) => plan.ports), ...(config.databaseUrl ? [] : [config.ports.postgres])]
    await checkPorts(ports, config.host)
    const secrets = await loadSecrets(config.home, config.given)
    this.reaper.start()
    const tools: ToolParts = {
      root,
      output: this.output('start', { quiet: true }),
      reaper: this.reaper,
      signal: this.abort.signal,
    }

    if (config.databaseUrl) await checkExternalDatabase(config.databaseUrl)
    const databaseUrl = config.databaseUrl ?? (await this.startDatabase(secrets))
    const env = this.environment(secrets, databaseUrl)
    await this.step('database client', () => generateIfStale())
    await this.step('database', () => this.prepare(databaseUrl))
    // The first time, processes must find the demo data complete; later only the days since are added, while they start.
    const seeded = join(config.home, 'demo-data')
    const seed = async () => config.demo && (await this.step('demo data', () => seedDemo(tools, env)))
    if (!existsSync(seeded)) await seed()
    const build = this.watch ? null : await this.step('portal build', () => ensureBuild(tools))
    await Promise.all([
      existsSync(seeded) && seed(),
      this.step('processes', () => this.startProcesses(plans, { env, build })),
    ])
    if (config.demo)
      await writeFile(
        seeded,
        'The demo data has been written once; removing this file only makes the next start slower.\n',
      )
  }

  private async startDatabase(secrets: Secrets): Promise<string> {
    const { home, ports } = this.config
    this.database = await this.step('PostgreSQL', () =>
      startEmbeddedDatabase({
        home,
        port: ports.postgres.port,
        password: secrets.POSTGRES_PASSWORD,
        output: this.output('postgres'),
        reaper: this.reaper,
      }),
    )
    return this.database.url
  }

  /** Loaded only now: these need the generated database client. */
  private async prepare(databaseUrl: string): Promise<void> {
    const { prepareContents } = await import('./contents.ts')
    const { applied, refusedTemplates } = await prepareContents({ databaseUrl, root, home: this.config.home })
    if (applied.length > 0) announce(`  migrations applied: ${applied.join(', ')}`)
    for (const message of refusedTemplates) announce(`! ${message}`)
  }

  private async startProcesses(
    plans: ProcessPlan[],
    options: { env: Record<string, string>; build: string | null },
  ): Promise<void> {
    this.processes = plans.map((plan) => {
      const spec = toSpec(plan, { root, config: this.config, ...options })
      return new Supervised(spec, { output: this.output(plan.name), reaper: this.reaper })
    })
    for (const supervised of this.processes) supervised.start()
    await Promise.all(
      plans.map((plan, at) =>
        untilServing({
          process: this.processes[at]!,
          host: this.config.host,
          ports: plan.ports.map(({ port }) => port),
          path: plan.readyPath,
          timeoutMs: readyTimeoutMs,
          signal: this.abort.signal,
        }),
      ),
    )
  }

  private async takeDown(why: string): Promise<void> {
    if (why) announce(`stopping (${why})`)
    this.abort.abort()
    await Promise.all(this.processes.map((supervised) => supervised.stop(this.config.graceMs)))
    await this.database?.stop()
    this.reaper.stop()
    for (const output of this.outputs) output.close()
    if (why) announce('stopped')
  }

  /** What the processes are told: the operator's variables, the generated secrets, and the addresses that follow from the ports. */
  private environment(secrets: Secrets, databaseUrl: string): Record<string, string> {
    const { POSTGRES_PASSWORD: _own, ...shared } = secrets
    const { home, demo, url } = this.config
    const derived = {
      WHEELHOUSE_HOME: home,
      WHEELHOUSE_DEMO: String(demo),
      WHEELHOUSE_URL: url,
      DATABASE_URL: databaseUrl,
    }
    const given = pickVariables(process.env)
    const env: Record<string, string> = { ...given, ...shared, ...derived }
    // The generated key is the embedded server's; another server must never be offered it.
    if (!this.config.embeddedClaude && !given['WHEELHOUSE_CLAUDE_KEY']) delete env['WHEELHOUSE_CLAUDE_KEY']
    return env
  }

  private async step<T>(title: string, work: () => Promise<T>): Promise<T> {
    this.abort.signal.throwIfAborted()
    return await step(title, work)
  }

  private output(name: string, options: { quiet?: boolean } = {}): Output {
    const output = createOutput(this.config.home, name, options)
    this.outputs.push(output)
    return output
  }
}

async function seedDemo(tools: ToolParts, env: Record<string, string>): Promise<void> {
  const entry = join(root, 'lib/dev/seed/main.ts')
  if (!existsSync(entry)) return
  await runTool([entry], {
    ...tools,
    env: { ...foreignVariables(), ...env },
    failure: 'The demo data could not be written.',
  })
}
