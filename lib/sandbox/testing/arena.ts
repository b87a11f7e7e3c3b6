import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SandboxLimits } from '../driver.ts'
import { runInSandbox, type RunOutcome } from '../run.ts'
import { leftovers, type TestDriver, testDriver } from './test-driver.ts'

export type Attacker = {
  id: string
  run: (script: string, timeoutMs?: number) => Promise<RunOutcome & { text: string }>
}

/** Where threats are tried: a real driver with secrets planted on the host, and a neighbour that must not notice anything. */
export type Arena = TestDriver & {
  neighbour: Attacker
  attacker(limits?: Partial<SandboxLimits>): Promise<Attacker>
  /** After a threat: the neighbour still answers, and the attackers can be ended without anything of them left on the host. */
  settle(): Promise<void>
}

export async function startArena(): Promise<Arena> {
  process.env['WHEELHOUSE_THREAT_SECRET'] = 'host-environment-secret'
  const sandboxes = await testDriver()
  const { driver, folder } = sandboxes
  await writeFile(join(folder, 'host-secret.txt'), 'host-file-secret')

  async function attacker(limits: Partial<SandboxLimits> = {}): Promise<Attacker> {
    const { id } = await sandboxes.start(limits)
    return {
      id,
      async run(script, timeoutMs = 20_000) {
        const argv = ['/bin/bash', '-c', `exec 2>&1; ${script}`] as const
        const outcome = await runInSandbox(driver, id, { argv, timeoutMs, keepBytes: 100_000 })
        return { ...outcome, text: outcome.stdout.toString() }
      },
    }
  }

  const neighbour = await attacker()
  await neighbour.run('echo neighbour-secret | tee /workspace/secret /tmp/secret /dev/shm/secret')
  return {
    ...sandboxes,
    neighbour,
    attacker,
    async settle() {
      assert.equal((await neighbour.run('echo alive; cat /workspace/secret')).text, 'alive\nneighbour-secret\n')
      for (const { id } of await driver.list()) {
        if (id === neighbour.id) continue
        const report = await driver.kill(id)
        assert.deepEqual(report.survivors, [])
        assert(report.ms < 3000, `ending it took ${report.ms} ms`)
        await driver.discard(id)
      }
      const left = await leftovers(driver, folder)
      assert.deepEqual(
        left.filter((what) => !what.includes(neighbour.id)),
        [],
      )
    },
  }
}
