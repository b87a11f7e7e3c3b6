import { mkdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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
  'next.config.ts',
  'postcss.config.mjs',
  'tsconfig.json',
  'package-lock.json',
]
/** Parts of `lib` that no page can contain. */
const notInPages = /^lib\/(dev|broker|sandbox|db\/generated)\/|\.test\.tsx?$/

/** Builds the portal for production unless `.next` already is the build of these sources. Returns whether it had to. */
export async function buildIfStale(options: ToolParts): Promise<boolean> {
  const stamp = join(options.root, '.next/.inputs')
  const current = () => readFile(stamp, 'utf8').catch(() => '')
  const wanted = await hashFiles(options.root, inputs, (path) => !notInPages.test(path))
  if ((await current()) === wanted) return false
  return await alone(join(options.root, '.next.building'), async () => {
    // Another start may have built the same while this one waited.
    if ((await current()) === wanted) return false
    await runTool([join(options.root, 'node_modules/next/dist/bin/next'), 'build'], {
      ...options,
      env: { ...foreignVariables(), NEXT_TELEMETRY_DISABLED: '1' },
      failure: 'The portal could not be built.',
    })
    await writeFile(stamp, wanted)
    return true
  })
}

/** Two starts in one checkout must not build into the same folder at once. */
async function alone<T>(lock: string, work: () => Promise<T>): Promise<T> {
  while (
    !(await mkdir(lock).then(
      () => true,
      () => false,
    ))
  ) {
    const info = await stat(lock).catch(() => null)
    // Longer than any build takes: whoever made it was killed.
    if (info && Date.now() - info.mtimeMs > 600_000) await rmdir(lock).catch(() => {})
    await sleep(300)
  }
  try {
    return await work()
  } finally {
    await rmdir(lock).catch(() => {})
  }
}
