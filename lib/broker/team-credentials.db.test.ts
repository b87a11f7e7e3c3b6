import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { afterEach, describe, expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { encryptionKey, listening, makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { createKeyring, rewrapSealed, rotateKeys } from '#lib/keys/commands.ts'
import { setServerCredential } from '#lib/registry/commands.ts'
import {
  authorized,
  broker,
  call,
  echo,
  protectedServer,
  registered,
  set,
  stopAll,
  stops,
} from './testing/credential-world.ts'

afterEach(stopAll)

describe('a team’s credential', () => {
  dbTest(
    'goes before the server’s for its agents; who has neither is refused, and nothing is sent',
    async ({ db, databaseUrl }) => {
      const seen: string[] = []
      const handle = toNodeHandler(createMcpHandler(() => echo(() => 'here')))
      const { createServer } = await import('node:http')
      const http = createServer((request, response) => {
        seen.push(request.headers.authorization ?? 'none')
        void handle(request, response)
      })
      const url = `${await listening(http)}/mcp`
      stops.push(async () => {
        http.closeAllConnections()
        await new Promise((resolve) => http.close(resolve))
      })
      const { serverId, agent: one } = await registered(db, url)
      const two = await makeAgent(db)
      await makeGrant(db, { agentId: two.agentId, serverId })
      await set(db, { serverId, teamId: one.teamId, kind: 'bearer', secret: 'of-team-one' })
      const at = await broker(db, databaseUrl)
      const shown = async (agent: typeof one) => {
        seen.length = 0
        const { rule } = await call(db, at, { serverId, agent })
        return rule ?? seen.at(-1)
      }
      expect(await shown(one)).toBe('Bearer of-team-one')
      expect(await shown(two)).toBe('credential_missing')
      expect(seen).toEqual([])
      await set(db, { serverId, kind: 'basic', secret: 'ada:of-the-server' })
      expect(await shown(two)).toBe(`Basic ${Buffer.from('ada:of-the-server').toString('base64')}`)
      expect(await shown(one)).toBe('Bearer of-team-one')
    },
  )

  dbTest('a server that asks for one and has none is refused with the rule', async ({ db, databaseUrl }) => {
    const upstream = await protectedServer()
    const { serverId, agent } = await authorized(db, upstream)
    const at = await broker(db, databaseUrl)
    expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
    await db.upstreamCredential.deleteMany({ where: { serverId } })
    for (let round = 0; round < 7; round += 1)
      expect((await call(db, at, { serverId, agent })).rule).toBe('credential_missing')
  })
})

describe('a rotation of the key-encryption key', () => {
  const next = Buffer.alloc(32, 9).toString('base64')
  const both = `${next},${encryptionKey}`
  dbTest('during calls fails none of them', async ({ db, databaseUrl }) => {
    const seen = new Set<string>()
    const { createServer } = await import('node:http')
    const handle = toNodeHandler(createMcpHandler(() => echo(() => 'here')))
    const http = createServer((request, response) => {
      seen.add(request.headers.authorization ?? 'none')
      void handle(request, response)
    })
    const url = `${await listening(http)}/mcp`
    stops.push(async () => {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    })
    const { serverId, agent } = await registered(db, url)
    await set(db, { serverId, kind: 'bearer', secret: 'kept-through-rotation' })
    const keys = both.split(',').map((key) => ({ driver: 'environment' as const, key }))
    const at = await broker(db, databaseUrl, both)
    await call(db, at, { serverId, agent })
    const token = await sessionToken(db, at.url, agent)
    await at.broker.keeper.refresh()
    const rules: (string | undefined)[] = []
    const calling = { on: true }
    const callers = Array.from({ length: 4 }, async () => {
      while (calling.on) {
        const answer = await postCall({ broker: at }, { token, tool: 'echo', serverId })
        rules.push(answer.text.includes('here') ? undefined : answer.text)
      }
    })
    const keyring = createKeyring(keys, db)
    const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
    expect(await rotateKeys(admin, { input: { reason: 'during calls' }, keyring })).toMatchObject({ ok: true })
    const system = { db, actor: systemActor('worker'), now: new Date() }
    expect((await rewrapSealed(system, { keyring })).rewrapped).toBeGreaterThan(0)
    await at.broker.keeper.refresh()
    await set2(db, { serverId, keyring })
    await at.broker.keeper.refresh()
    const sofar = rules.length
    await until(() => rules.length > sofar + 20)
    calling.on = false
    await Promise.all(callers)
    expect(rules.filter((rule) => rule !== undefined)).toEqual([])
    expect([...seen]).toEqual(['Bearer kept-through-rotation', 'Bearer set-after-rotation'])
    await db.keyEncryptionKey.deleteMany()
  })

  async function set2(db: Db, { serverId, keyring }: { serverId: string; keyring: ReturnType<typeof createKeyring> }) {
    const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    await setServerCredential(ctx, {
      input: { serverId, kind: 'bearer', secret: 'set-after-rotation' },
      secretBox: keyring,
    })
  }
})
