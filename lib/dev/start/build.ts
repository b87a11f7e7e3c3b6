import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hashFiles } from '#lib/dev/stale.ts'
import { foreignVariables } from './processes.ts'
import { runTool, type ToolParts } from './tool.ts'

const inputs = [
  'app',
  'components',
  'lib',
  'prisma/schema',
  'public',
  'instrumentation.ts',
  'next.config.ts',
  'postcss.config.mjs',
  'proxy.ts',
  'tsconfig.json',
  'package-lock.json',
]
/** Parts of `lib` that no page can contain. */
const notInPages = /^lib\/(?:dev|broker|sandbox|db\/generated)\/|\.test\.tsx?$/
const buildsKept = 4

/**
 * The production build of these sources, as a folder relative to the checkout; built first if there is none. Each build has a folder of
 * its own, named by what went into it, so a copy that is running keeps its pages while another builds newer ones.
 */
export async function ensureBuild(options: ToolParts): Promise<string> {
  const hash = await hashFiles(options.root, inputs, (path) => !notInPages.test(path))
  const build = `.next/builds/${hash.slice(0, 16)}`
  const complete = join(options.root, build, '.complete')
  if (!(await exists(complete))) {
    await alone(join(options.root, '.next/builds/.lock'), async () => {
      // Another start may have built the same while this one waited.
      if (!(await exists(complete))) await runBuild(options, build)
    })
  }
  // So that it is kept; whoever may only read it removes none.
  await utimes(complete, new Date(), new Date()).catch(() => {})
  return build
}

async function runBuild(options: ToolParts, build: string): Promise<void> {
  await rm(join(options.root, build), { recursive: true, force: true })
  // Next rewrites the tsconfig of a build with an unusual folder; this one is nobody else's.
  await writeFile(join(options.root, `${build}.tsconfig.json`), '{ "extends": "../../tsconfig.json" }\n')
  await runTool([join(options.root, 'node_modules/next/dist/bin/next'), 'build'], {
    ...options,
    env: { ...foreignVariables(), WHEELHOUSE_BUILD: build, NEXT_TELEMETRY_DISABLED: '1' },
    failure: 'The portal could not be built.',
  })
  // It names types inside this build, which goes one day.
  await rm(join(options.root, 'next-env.d.ts'), { force: true })
  await writeFile(join(options.root, build, '.complete'), '')
  await removeOldBuilds(join(options.root, '.next/builds'))
}

async function removeOldBuilds(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true })
  const builds = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(async ({ name }) => {
        const info = await stat(join(folder, name, '.complete')).catch(() => null)
        return { name, usedAt: info?.mtimeMs ?? 0 }
      }),
  )
  for (const { name } of builds.toSorted((a, b) => b.usedAt - a.usedAt).slice(buildsKept)) {
    await rm(join(folder, name), { recursive: true, force: true })
    await rm(join(folder, `${name}.tsconfig.json`), { force: true })
  }
}

/** Two starts in one checkout take turns at building; the turn of one that was killed is over. */
async function alone(lock: string, work: () => Promise<void>): Promise<void> {
  await mkdir(dirname(lock), { recursive: true })
  while (!(await tryToCreate(lock))) {
    const owner = Number(await readFile(lock, 'utf8').catch(() => '0'))
    if (owner && !isAlive(owner)) await rm(lock, { force: true })
    await sleep(300)
  }
  try {
    await work()
  } finally {
    await rm(lock, { force: true })
  }
}

async function tryToCreate(lock: string): Promise<boolean> {
  return await writeFile(lock, String(process.pid), { flag: 'wx' }).then(
    () => true,
    () => false,
  )
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null
}
