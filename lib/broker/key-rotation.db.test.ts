import { decodeProtectedHeader } from 'jose'
import { expect } from 'vitest'
import { rotateSigningKey } from '#lib/auth/commands/signing-keys.ts'
import { createTokenIssuer, mintSessionToken } from '#lib/auth/commands/agent-tokens.ts'
import { makeAgent, portalUrl, secretBox } from '#lib/dev/test/broker.ts'
import { brokerWorld, postCall } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { systemCtx } from '#lib/dev/test/tokens.ts'
import { startBroker } from './testing/start-broker.ts'

const minute = 60_000

dbTest(
  'keys rotate twice under calls that go on and on, and none of them fails',
  { timeout: 60_000 },
  async ({ db, databaseUrl }) => {
    // Time passes as the test says: an hour in a few seconds. It begins in the past, so that nothing is from the database's future.
    const clock = { ms: Date.now() - 90 * minute }
    const now = () => new Date(clock.ms)
    const world = await brokerWorld({ db, databaseUrl, startBroker: (options) => startBroker({ ...options, now }) })
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
    const issuer = createTokenIssuer({ url: portalUrl, brokerUrl: world.broker.url, secretBox })
    const mint = async () => {
      const minted = await mintSessionToken(systemCtx(db, now()), { issuer, ...agent, version: 1 })
      if (!minted.ok) throw new Error(minted.error.message)
      return {
        token: minted.value.token,
        kid: decodeProtectedHeader(minted.value.token).kid!,
        until: minted.value.expiresAt,
      }
    }

    const kids = new Set<string>()
    const failures: string[] = []
    let held = [await mint()]
    let calls = 0
    for (let step = 0; step < 60; step += 1) {
      if (step === 10 || step === 35) {
        await rotateSigningKey(systemCtx(db, now()), { secretBox, reason: 'a test', withdraw: false })
      }
      // A client that has just got its token, and others that use theirs to the last second.
      held = [...held.filter(({ until }) => until > now()), await mint()]
      for (const { kid } of held) kids.add(kid)
      const using = [held[0]!, held.at(Math.floor(held.length / 2))!, held.at(-1)!]
      const answers = await Promise.all(using.map(({ token }) => postCall(world, { token })))
      calls += answers.length
      failures.push(...answers.filter(({ status }) => status !== 200).map(({ text }) => `step ${step}: ${text}`))
      clock.ms += minute
    }
    expect(failures).toEqual([])
    expect(calls).toBe(180)
    expect(kids.size).toBe(3)
    // The first key is gone from every verifier by now, and a token of it would be refused.
    const [first] = await db.signingKey.findMany({ orderBy: { createdAt: 'asc' } })
    const known = world.broker.broker.keeper.view.keys.get(first!.kid)
    expect(known === undefined || known.until < clock.ms).toBe(true)
    await world.stop()
  },
)
