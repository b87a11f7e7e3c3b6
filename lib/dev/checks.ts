import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { generateIfStale } from './generate.ts'
import { root } from './source-files.ts'

export type Check = { name: string; bin: string; args: string[] }

const sources = ['app', 'components', 'lib', 'e2e', 'bin']

/** What `npm run check` runs, fastest to tell first. */
export const checks: readonly Check[] = [
  { name: 'format', bin: 'oxfmt', args: ['--check', '.'] },
  { name: 'types', bin: 'tsc', args: ['--noEmit', '-p', '.'] },
  { name: 'lint', bin: 'oxlint', args: [] },
  { name: 'layers and doors', bin: 'depcruise', args: ['--config', '.dependency-cruiser.mjs', ...sources] },
  { name: 'dead code', bin: 'knip', args: [] },
  { name: 'dead code in production', bin: 'knip', args: ['--production', '--include', 'files,dependencies,unlisted'] },
]

export const conventions: Check = { name: 'conventions', bin: 'vitest', args: ['run', 'lib/dev/conventions.test.ts'] }

/** Runs the checks one after the other, printing the output of those that fail. */
export async function runChecks(list: readonly Check[]): Promise<{ passed: number; failed: number }> {
  await generateIfStale()
  const failures: Check[] = []
  for (const check of list) {
    const started = performance.now()
    const { code, output } = await runBin(check)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(`${code === 0 ? '✓' : '✗'} ${check.name} (${seconds} s)`)
    if (code === 0) continue
    failures.push(check)
    console.log(output.trim().replaceAll(/^/gm, '    '))
  }
  return { passed: list.length - failures.length, failed: failures.length }
}

async function runBin(check: Check): Promise<{ code: number; output: string }> {
  const child = spawn(join(root, 'node_modules/.bin', check.bin), check.args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject).once('close', (status) => resolve(status ?? 1))
  })
  return { code, output }
}
