import { join } from 'node:path'
import { brokerNodeArguments, brokerVariables } from '#lib/config/broker.ts'
import { claudeServerVariables, modelVariables } from '#lib/config/claude.ts'
import { demoVariables } from '#lib/config/demo.ts'
import { portalVariables } from '#lib/config/portal.ts'
import { sandboxVariables } from '#lib/config/sandbox.ts'
import { variables, type VariableName } from '#lib/config/shared.ts'
import type { StartConfig } from '#lib/config/start.ts'
import { workerVariables } from '#lib/config/worker.ts'
import type { NamedPort } from './ports.ts'
import type { ProcessSpec } from './supervised.ts'

export type ProcessPlan = {
  name: string
  /** The TypeScript file to run, or `next` for the portal. */
  entry: string
  /** Arguments of Node before the file. */
  nodeArguments?: readonly string[]
  variables: readonly VariableName[]
  ports: NamedPort[]
  /** A path to ask until it answers. */
  readyPath: string
}

const demoPorts = 6

/** What runs, in the order it is started. */
export function planProcesses(config: StartConfig): ProcessPlan[] {
  const { ports } = config
  const plan = (name: string, entry: string, rest: Omit<ProcessPlan, 'name' | 'entry' | 'readyPath'>): ProcessPlan => ({
    name,
    entry,
    readyPath: '/readyz',
    ...rest,
  })
  const demoPort = (offset: number) => ({ ...ports.demo, port: ports.demo.port + offset })
  return [
    ...(config.simulatedModel
      ? [plan('model', 'lib/claude/embedded/model-main.ts', { variables: modelVariables, ports: [ports.model] })]
      : []),
    ...(config.embeddedClaude
      ? [plan('claude', 'lib/claude/embedded/main.ts', { variables: claudeServerVariables, ports: [ports.claude] })]
      : []),
    ...(config.demo
      ? [
          plan('demo', 'lib/dev/demo/main.ts', {
            variables: demoVariables,
            ports: Array.from({ length: demoPorts }, (_, at) => demoPort(at)),
          }),
        ]
      : []),
    plan('broker', 'lib/broker/main.ts', {
      nodeArguments: brokerNodeArguments,
      variables: brokerVariables,
      ports: [ports.broker],
    }),
    plan('worker', 'lib/jobs/main.ts', { variables: workerVariables, ports: [ports.worker] }),
    // Isolation is made of Linux's own means; elsewhere there is no sandbox service.
    ...(process.platform === 'linux'
      ? [plan('sandbox', 'lib/sandbox/main.ts', { variables: sandboxVariables, ports: [ports.sandbox] })]
      : []),
    { ...plan('portal', 'next', { variables: portalVariables, ports: [ports.portal] }), readyPath: '/sign-in' },
  ]
}

/**
 * How to run it, with only those of our variables that it reads, so that no process holds a secret of another. `build` is the portal's
 * production build, or null to run everything with hot reload.
 */
export function toSpec(
  plan: ProcessPlan,
  options: { root: string; config: StartConfig; env: Readonly<Record<string, string>>; build: string | null },
): ProcessSpec {
  const { root, config, build } = options
  const watch = build === null
  const next = portalArguments(root, watch ? 'dev' : 'start', { host: config.host, port: config.ports.portal.port })
  const watching = watch ? ['--watch', '--watch-preserve-output'] : []
  const args = plan.entry === 'next' ? next : [...(plan.nodeArguments ?? []), ...watching, join(root, plan.entry)]
  return {
    name: plan.name,
    command: process.execPath,
    args,
    cwd: root,
    env: {
      ...foreignVariables(),
      NODE_ENV: watch ? 'development' : 'production',
      NEXT_TELEMETRY_DISABLED: '1',
      ...(plan.entry === 'next' && build ? { WHEELHOUSE_BUILD: build } : {}),
      ...Object.fromEntries(
        plan.variables.flatMap((name) => (options.env[name] === undefined ? [] : [[name, options.env[name]]])),
      ),
    },
  }
}

/** What Node is given to run the portal: Next reads none of our variables. */
export function portalArguments(
  root: string,
  mode: 'dev' | 'start',
  { host, port }: { host: string; port: number },
): string[] {
  return [join(root, 'node_modules/next/dist/bin/next'), mode, '-p', String(port), '-H', host]
}

/** Those of the variables that are ours and set. */
export function pickVariables(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.keys(variables.shape).flatMap((name) => (env[name] ? [[name, env[name]]] : [])))
}

/** The environment without any variable of ours and without what npm adds. */
export function foreignVariables(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !(name in variables.shape) && !name.startsWith('npm_') && name !== 'NODE_CHANNEL_FD',
    ),
  )
}
