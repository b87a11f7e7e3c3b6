import { setTimeout as sleep } from 'node:timers/promises'
import { createDb, type Db } from '#lib/db/client.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import { runPolicyReplay } from '#lib/guardrails/commands.ts'

/** A worker that does one replay and nothing else, in small parts and slowly, so that it can be killed in the middle of it. */
const { DATABASE_URL: databaseUrl = '', REPLAY: replayId = '' } = process.env
const db = createDb(databaseUrl, { poolSize: 2 })
const ctx = { db: slow(db), actor: systemActor('test'), now: new Date() }
await runPolicyReplay(ctx, { replayId, parts: { rows: 4, groups: 2 }, noteEveryMs: 0 })
await db.$disconnect()

function slow(db: Db): Db {
  const updateMany = async (...args: unknown[]) => {
    const done = await (db.policyReplay.updateMany as (...args: unknown[]) => Promise<unknown>)(...args)
    await sleep(400)
    return done
  }
  const policyReplay = new Proxy(db.policyReplay, {
    get: (target, name) => (name === 'updateMany' ? updateMany : (Reflect.get(target, name) as unknown)),
  })
  return new Proxy(db, {
    get: (target, name) => (name === 'policyReplay' ? policyReplay : (Reflect.get(target, name) as unknown)),
  })
}
