import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, inject } from 'vitest'
import { createDb } from '#lib/db/client.ts'
import { createLocks } from '#lib/db/locks.ts'
import { root } from '#lib/dev/source-files.ts'
import { listening } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { cloneTemplate } from '#lib/dev/test/template-database.ts'
import { createLog } from '#lib/log/log.ts'
import { callAsAgent, isAskingScenario } from './testing/conformance-agent.ts'
import { type ConformanceScenario, driveScenario } from './testing/conformance-driver.ts'

const shown = [
  'tools_call',
  'auth/scope-step-up',
  'auth/client-credentials-jwt',
  'auth/dpop',
  'auth/dpop-nonce',
  'auth/enterprise-managed-authorization',
  'auth/wif-jwt-bearer',
]

const suite = join(root, 'node_modules/@modelcontextprotocol/conformance/dist/index.js')
const command = `${process.execPath} ${join(root, 'lib/broker/testing/conformance-command.mjs')}`

/** Takes scenarios from the suite's client command and carries them out in this process. Brokers have a database of their own: one would look at the servers of the other scenarios, too. */
const test = dbTest.extend('driver', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }): Promise<string> => {
  const locks = createLocks({
    databaseUrl,
    poolSize: 2,
    waitMs: 30_000,
    log: createLog({ process: 'test', level: 'silent' }),
  })
  const { serverUrl, template } = inject('testDatabase')
  const brokered = await cloneTemplate(serverUrl, template)
  const brokeredDb = createDb(brokered.databaseUrl, { poolSize: 6 })
  const server = createServer((request, response) => {
    void (async () => {
      const scenario = JSON.parse(await text(request)) as ConformanceScenario
      try {
        const { scenario: name } = scenario
        if (isAskingScenario(name)) {
          await callAsAgent({ db: brokeredDb, databaseUrl: brokered.databaseUrl }, { ...scenario, scenario: name })
        } else await driveScenario({ db, databaseUrl, exclusively: locks.exclusively }, scenario)
        response.end('done')
      } catch (error) {
        response.writeHead(500).end(String(error instanceof Error ? error.stack : error))
      }
    })()
  })
  onCleanup(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await locks.stop()
    await brokeredDb.$disconnect()
    await brokered.drop()
  })
  return await listening(server)
})

describe.each(['2025-11-25', '2026-07-28'])('the official client scenarios of %s', (revision) => {
  test(
    'pass over the broker’s own way to an upstream, and through a broker where an agent is asked',
    { timeout: 300_000 },
    async ({ driver }) => {
      const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-conformance-'))
      const args = ['client', '--command', command, '--requirements', revision, '--timeout', '120000', '-o', folder]
      const env = { ...process.env, CONFORMANCE_DRIVER: driver }
      const run = spawn(process.execPath, [suite, ...args], { cwd: folder, env })
      const [output, , [exitCode]] = await Promise.all([text(run.stdout), text(run.stderr), once(run, 'close')])
      await rm(folder, { recursive: true })
      // `✓ name: 3 passed, 0 failed`; a warning counts as a failure too.
      const lines = [...output.matchAll(/^\W*([✓✗])\W*(\S+): (\d+) passed, (\d+) failed(.*)$/gmu)]
      const failed = lines.filter(([, sign]) => sign === '✗').map(([line]) => line)
      expect(failed).toEqual([])
      expect(exitCode).toBe(0)
      const passed = lines.filter(([, sign]) => sign === '✓').map(([, , name]) => name)
      expect(passed.length).toBeGreaterThanOrEqual(18)
      expect(passed).toEqual(expect.arrayContaining(shown))
      const asking =
        revision === '2025-11-25'
          ? ['elicitation-sep1034-client-defaults', 'sse-retry']
          : ['sep-2322-client-request-state']
      expect(passed).toEqual(expect.arrayContaining(asking))
    },
  )
})
