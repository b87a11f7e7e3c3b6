import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { createLog } from '#lib/log/log.ts'
import { standardLimits } from '../limits.ts'
import type { BrokeredServer } from '../view/view.ts'
import { UpstreamPool } from './pool.ts'

test('what a view no longer has is let go of, and the rest stays as it is', async () => {
  const pool = new UpstreamPool({
    secretBox: createSecretBox(randomBytes(32).toString('base64')),
    limits: standardLimits,
    ctx: () => ({ db: null as never, actor: systemActor('broker'), now: new Date() }),
    exclusively: null as never,
    allowLinkLocal: false,
    log: createLog({ process: 'test', level: 'silent' }),
    stdio: { url: 'http://127.0.0.1:9', key: randomBytes(32).toString('base64') },
  })
  const open = serverWith('open', [])
  const guarded = serverWith('guarded', [rowOf('first')])
  const program = { ...serverWith('program', []), stdio: { command: { env: [] }, boundary: 'server' } as never }
  const all = [open, guarded, program]
  const held = () => all.map((server) => pool.connectionTo(server, null))
  const before = held()
  pool.prune(new Map(all.map((server) => [server.id, server])))
  expect(held()).toEqual(before.map((connection) => expect.toSatisfy((now) => now === connection) as unknown))
  pool.prune(new Map([['open', open]]))
  const after = held()
  expect(after.map((connection, at) => connection === before[at])).toEqual([true, false, false])
  pool.prune(new Map([['guarded', { ...guarded, credentials: [{ ...rowOf('first'), ciphertext: randomBytes(40) }] }]]))
  expect(held().map((connection, at) => connection === after[at])).toEqual([false, false, false])
  await pool.destroy()
})

function serverWith(id: string, credentials: BrokeredServer['credentials']): BrokeredServer {
  return { id, url: 'http://127.0.0.1:9/mcp', stdio: null, credentials } as unknown as BrokeredServer
}

function rowOf(id: string): BrokeredServer['credentials'][number] {
  const ciphertext = Buffer.alloc(40, 1)
  return { id, teamId: null, kind: 'bearer', headerName: null, settings: {}, ciphertext }
}
