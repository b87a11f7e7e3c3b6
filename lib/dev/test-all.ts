import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { z } from 'zod'
import { runBrowserSuite } from './browser-suite.ts'
import { checks, runChecks } from './checks.ts'
import { root } from './source-files.ts'

// npm test: the checks, every vitest test, the browser journeys; what failed is said again at the end, where a
// reader of a long log finds it, and the last line adds them up.
const linesOfFailure = 20

type Count = { suite: string; passed: number; failed: number }

const vitestReport = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      assertionResults: z.array(
        z.object({ status: z.string(), fullName: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
})
const playwrightReport = z.object({
  stats: z.object({ expected: z.number(), unexpected: z.number(), flaky: z.number() }),
  errors: z.array(z.unknown()),
})

const failures: { file: string; fullName: string; messages: string[] }[] = []
const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-results-'))
const counts: Count[] = []
try {
  heading('checks')
  counts.push({ suite: 'checks', ...(await runChecks(checks)) })
  heading('tests')
  counts.push(await vitestSuite())
  heading('browser')
  counts.push(await browserSuite())
} finally {
  await rm(folder, { recursive: true, force: true })
}

for (const { file, fullName, messages } of failures) {
  console.log(`\nFailed: ${file} › ${fullName}`)
  for (const message of messages) console.log(message.split('\n').slice(0, linesOfFailure).join('\n'))
}
console.log('')
for (const { suite, passed, failed } of counts) {
  console.log(
    `${suite}: ${passed} passed, ${failed} failed${passed + failed === 0 ? ' (ran nothing, which counts as a failure)' : ''}`,
  )
}
const passed = counts.reduce((sum, count) => sum + count.passed, 0)
const failed = counts.reduce((sum, count) => sum + (count.passed + count.failed === 0 ? 1 : count.failed), 0)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

async function vitestSuite(): Promise<Count> {
  const file = join(folder, 'vitest.json')
  const args = [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ]
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  const report = vitestReport.safeParse(await readJson(file))
  if (!report.success) return { suite: 'tests', passed: 0, failed: 1 }
  const { numPassedTests, numFailedTests, testResults } = report.data
  for (const { name, assertionResults } of testResults) {
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status === 'failed') failures.push({ file: relative(root, name), fullName, messages: failureMessages ?? [] })
    }
  }
  // A file that cannot be loaded, or an error outside of tests, fails the run without a failed test.
  return { suite: 'tests', passed: numPassedTests, failed: code === 0 ? 0 : Math.max(numFailedTests, 1) }
}

async function browserSuite(): Promise<Count> {
  const resultsFile = join(folder, 'browser.json')
  const code = await runBrowserSuite({ args: [], resultsFile }).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    return 1
  })
  const report = playwrightReport.safeParse(await readJson(resultsFile))
  if (!report.success) return { suite: 'browser', passed: 0, failed: 1 }
  const { expected, unexpected, flaky } = report.data.stats
  return { suite: 'browser', passed: expected + flaky, failed: code === 0 ? 0 : Math.max(unexpected, 1) }
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8').catch(() => 'null')) as unknown
}

function heading(title: string): void {
  console.log(`\n── ${title} ${'─'.repeat(60 - title.length)}`)
}
