import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { root } from './build-alone.ts'

const secret = 'hunter2-hunter2-hunter2-hunter2-hunter2'
const complete = {
  WHEELHOUSE_DEMO: 'true',
  WHEELHOUSE_HOST: '127.0.0.1',
  DATABASE_URL: `postgresql://wheelhouse:${secret}@127.0.0.1:1/wheelhouse`,
  WHEELHOUSE_AUTH_SECRET: secret,
  WHEELHOUSE_CLAUDE_KEY: secret,
  WHEELHOUSE_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
}

/** `npm run portal` in a checkout, to its end. */
async function runPortal(checkout: string, env: Record<string, string>) {
  const running = Promise.withResolvers<{ code: unknown; said: string; failure: string }>()
  const options = { cwd: checkout, env: { PATH: process.env['PATH'], NODE_ENV: 'production' as const, ...env } }
  const child = execFile(process.execPath, ['lib/dev/start/portal-main.ts'], options, (error, said, failure) =>
    running.resolve({ code: error ? error.code : 0, said, failure }),
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  return await running.promise
}

test('a portal whose variables are wrong names each of them, and ends', async () => {
  const wrong = {
    ...complete,
    DATABASE_URL: `mysql://${secret}`,
    WHEELHOUSE_PORTAL_PORT: 'x',
    WHEELHOUSE_AUTH_SECRET: 'hunter2',
  }
  const { code, said, failure } = await runPortal(root, wrong)
  expect([code, said]).toEqual([1, ''])
  expect(failure).toMatch(/^The portal cannot start with this environment:\n/)
  for (const name of ['DATABASE_URL', 'WHEELHOUSE_PORTAL_PORT', 'WHEELHOUSE_AUTH_SECRET']) {
    expect(failure).toContain(`→ at ${name}\n`)
  }
  expect(failure).not.toMatch(/hunter2|^ {4}at /m)
})

test('a portal that cannot be built says so after what the build said, and ends without a trace of its own', async () => {
  const checkout = await mkdtemp(join(tmpdir(), 'wheelhouse-portal-'))
  onTestFinished(() => rm(checkout, { recursive: true, force: true }))
  const isNeeded = (path: string) => !/\/db\/generated|\.test\.tsx?$/.test(path)
  await cp(join(root, 'lib'), join(checkout, 'lib'), { recursive: true, filter: isNeeded })
  for (const name of ['package.json', 'tsconfig.json', 'next.config.ts'])
    await cp(join(root, name), join(checkout, name))
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'))
  const { code, said, failure } = await runPortal(checkout, complete)
  expect([code, failure]).toEqual([1, 'The portal could not be built.\n\nWhat it said is above.\n'])
  // There are no pages in it.
  expect(said).toContain('Please create one under the project root')
  expect(said).not.toContain('hunter2')
  // Whoever starts it next builds it: half a build counts as none, and nobody has the turn.
  const left = await readdir(join(checkout, '.next/builds'), { recursive: true })
  expect(left.filter((name) => /\.complete$|\.lock$/.test(name))).toEqual([])
})
