import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashFiles } from './stale.ts'

const root = join(import.meta.dirname, '../..')
const stamp = join(root, 'lib/db/generated/.inputs')

/** Writes the Prisma client to lib/db/generated unless it is already the one of this schema and Prisma version. */
export async function generateIfStale(): Promise<'generated' | 'fresh'> {
  const inputs = await hashFiles(root, ['prisma/schema', 'prisma.config.ts', 'node_modules/prisma/package.json'])
  if ((await readFile(stamp, 'utf8').catch(() => '')) === inputs) return 'fresh'
  await runPrismaGenerate()
  await writeFile(stamp, inputs)
  return 'generated'
}

/** `prisma generate` needs no schema engine, but tries to download one; naming any program for that one command keeps it offline. */
function runPrismaGenerate(): Promise<void> {
  const child = spawn(process.execPath, [join(root, 'node_modules/prisma/build/index.js'), 'generate'], {
    cwd: root,
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', PRISMA_HIDE_UPDATE_MESSAGE: 'true' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`prisma generate failed:\n${output}`))))
  })
}

if (import.meta.main) await generateIfStale()
