import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { auditRow, recordAudit } from '#lib/audit/commands.ts'
import { inTx, systemActor } from '#lib/auth/ctx.ts'
import { createDb } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { startTcpProxy } from '#lib/dev/test/tcp-proxy.ts'
import { createLog } from '#lib/log/log.ts'
import { standardLimits } from '../limits.ts'
import { GroupCommit } from './group-commit.ts'

dbTest.for([undefined, 600_000])(
  'whoever freezes between its audit rows and their commit keeps calls from being recorded for no longer than it may lie idle (a transaction of %s ms)',
  { timeout: 120_000 },
  async (timeoutMs, { db, databaseUrl }) => {
    const log = createLog({ process: 'broker', level: 'silent' })
    const audit = new GroupCommit({ databaseUrl, log, limits: { ...standardLimits, auditWaitMs: 400 } })
    await audit.start()
    const append = () => audit.append(rowOf(), { happened: false }).then(() => 'recorded', String)
    expect(await append()).toBe('recorded')
    const proxy = await startTcpProxy(databaseUrl)
    const portal = createDb(proxy.url, { poolSize: 1, idleMs: 2000 })
    const frozen = proxy.freezeBefore('COMMIT')
    const id = randomUUID()
    const command = inTx(
      ctxFor(portal),
      async (tx, ctx) => {
        recordAudit(tx, ctx, {
          event: 'team.created',
          subject: { kind: 'team', id, name: 'x' },
          detail: { costCenter: null },
        })
      },
      timeoutMs === undefined ? {} : { timeoutMs },
    ).then(
      () => 'done',
      () => 'undone',
    )
    await frozen
    await expect.poll(append, { timeout: 40_000 }).toBe('recorded')
    await proxy.stop()
    expect(await command).toBe('undone')
    expect(await db.auditEvent.count({ where: { subjectId: id } })).toBe(0)
    await portal.$disconnect()
    await audit.stop()
  },
)

function rowOf() {
  const subject = { kind: 'server', id: randomUUID(), name: 'x' }
  return auditRow(
    { actor: systemActor('broker'), now: new Date() },
    { event: 'mcp.tools_listed', subject, detail: { listed: 0, hidden: 0 } },
  )
}
