import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { afterEach, expect, onTestFinished, vi } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { KeyUnavailable, type KeyWrapper, localKeyWrapper } from '#lib/core/key-wrapper.ts'
import { createKeyringBox } from '#lib/core/secret-box.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, listening, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { createKeyring, type Keyring, rewrapSealed, rotateKeys } from '#lib/keys/commands.ts'
import { call, echo, registered, set, stopAll, stops } from './testing/credential-world.ts'
import { startBroker } from './testing/start-broker.ts'

afterEach(stopAll)

dbTest(
  'once all is wrapped anew the old key may be taken away from a broker that runs',
  async ({ db, databaseUrl }) => {
    const handle = toNodeHandler(createMcpHandler(() => echo(() => 'here')))
    const upstream = createServer((request, response) => void handle(request, response))
    const url = `${await listening(upstream)}/mcp`
    stops.push(async () => {
      upstream.closeAllConnections()
      await new Promise((resolve) => upstream.close(resolve))
    })
    const { serverId, agent } = await registered(db, url)
    await set(db, { serverId, kind: 'bearer', secret: 'kept-without-the-old-key' })
    const next = Buffer.alloc(32, 9).toString('base64')
    const sources = [next, encryptionKey].map((key) => ({ driver: 'environment' as const, key }))
    const keys = createKeyring(sources, db)
    const old = localKeyWrapper(encryptionKey)
    const taken = { away: false }
    const leaving: KeyWrapper = {
      ...old,
      async unwrap(wrapped) {
        if (taken.away) throw new KeyUnavailable('It is disabled.')
        return await old.unwrap(wrapped)
      },
    }
    // It asks for the key whenever something is opened.
    const box = createKeyringBox({ wrappers: [leaving, localKeyWrapper(next)], freshMs: 0, usableMs: 0 })
    const keyring: Keyring = { ...box, keyIds: keys.keyIds, only: () => keyring }
    const parts = { db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, keyring }
    const at = await startBroker(parts)
    stops.push(() => at.stop())
    await call(db, at, { serverId, agent })
    const token = await sessionToken(db, at.url, agent)
    const works = async () => {
      await at.broker.keeper.refresh()
      return (await postCall({ broker: at }, { token, tool: 'echo', serverId })).text.includes('here')
    }
    expect(await works()).toBe(true)
    const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
    expect(await rotateKeys(admin, { input: { reason: 'the old one goes' }, keyring: keys })).toMatchObject({
      ok: true,
    })
    const system = { db, actor: systemActor('worker'), now: new Date() }
    expect((await rewrapSealed(system, { keyring: keys })).rewrapped).toBeGreaterThan(0)
    await at.broker.keeper.refresh()
    taken.away = true
    // Longer than a secret stays open.
    const clock = performance.now.bind(performance)
    const ahead = vi.spyOn(performance, 'now').mockImplementation(() => clock() + 6 * 60_000)
    onTestFinished(() => ahead.mockRestore())
    await until(works)
    expect([await works(), await works()]).toEqual([true, true])
  },
)
