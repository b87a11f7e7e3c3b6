import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { KeyUnavailable, localKeyWrapper } from '#lib/core/key-wrapper.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { createKeyringBox, createSecretBox, type SecretBox } from '#lib/core/secret-box.ts'
import { createLog } from '#lib/log/log.ts'
import { standardLimits } from '../limits.ts'
import type { BrokeredServer } from '../view/view.ts'
import { UpstreamPool } from './pool.ts'

const newKey = () => randomBytes(32).toString('base64')

function poolOver(secretBox: SecretBox): UpstreamPool {
  return new UpstreamPool({
    secretBox,
    limits: standardLimits,
    ctx: () => ({ db: null as never, actor: systemActor('broker'), now: new Date() }),
    exclusively: null as never,
    allowLinkLocal: false,
    log: createLog({ process: 'test', level: 'silent' }),
    stdio: { url: 'http://127.0.0.1:9', key: newKey() },
  })
}

test('what a view no longer has is let go of, and the rest stays as it is', async () => {
  const pool = poolOver(createSecretBox(newKey()))
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

test('what is held opens its secret as it is sealed now: the key that was around it before may be gone', async () => {
  const [old, next] = [localKeyWrapper(newKey()), localKeyWrapper(newKey())]
  const withoutOld = {
    ...old,
    unwrap: async (): Promise<never> => {
      throw new KeyUnavailable('It is disabled.')
    },
  }
  const pool = poolOver(createKeyringBox({ wrappers: [withoutOld, next] }))
  const { seal, rewrap } = createKeyringBox({ wrappers: [old, next], currentKeyId: async () => next.id })
  const stdio = { command: { env: ['TOKEN'] }, boundary: 'server' } as never
  for (const [id, more, secret] of [
    ['guarded', {}, 'a-secret'],
    ['program', { stdio }, '{"TOKEN":"a-secret"}'],
  ] as const) {
    const context = sealContexts.upstreamCredential(id, null)
    const sealed = await createKeyringBox({ wrappers: [old] }).seal(secret, context)
    const at = (ciphertext: Uint8Array) => ({ ...serverWith(id, [{ ...rowOf(id), ciphertext }]), ...more })
    const connection = pool.connectionTo(at(sealed), null)
    const now = at((await rewrap(sealed, context))!)
    pool.prune(new Map([[id, now]]))
    expect([id, pool.connectionTo(now, null) === connection]).toEqual([id, true])
    // Nothing listens there, which it finds out only with the secret at hand.
    const request = { method: 'tools/list', params: {}, signal: AbortSignal.timeout(10_000) }
    await expect(connection.request(request)).rejects.toMatchObject({ kind: 'unreachable' })
    // Another secret is not for what was opened with this one.
    pool.prune(new Map([[id, at(await seal('another', context))]]))
    expect([id, pool.connectionTo(now, null) === connection]).toEqual([id, false])
  }
  await pool.destroy()
})

function serverWith(id: string, credentials: BrokeredServer['credentials']): BrokeredServer {
  return { id, url: 'http://127.0.0.1:9/mcp', stdio: null, credentials } as unknown as BrokeredServer
}

function rowOf(id: string): BrokeredServer['credentials'][number] {
  const ciphertext = Buffer.alloc(40, 1)
  return { id, teamId: null, kind: 'bearer', headerName: null, settings: {}, ciphertext }
}
