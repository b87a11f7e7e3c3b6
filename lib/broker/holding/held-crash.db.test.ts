import { expect } from 'vitest'
import { createTokenIssuer, issueAgentCredential } from '#lib/auth/commands/agent-tokens.ts'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, portalUrl, secretBox, sessionToken, startUpstream } from '#lib/dev/test/broker.ts'
import { type BrokerProcess, startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { type Era, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { startGatedUpstream } from '#lib/dev/test/gated-upstream.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { askForToken, systemCtx } from '#lib/dev/test/tokens.ts'
import { freePort } from '#lib/dev/ports.ts'
import { createHoldRule } from '#lib/guardrails/commands.ts'
import { getHeldCall } from '#lib/guardrails/queries/held-calls.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { classifyTool } from '#lib/registry/commands.ts'
import { decideIt } from '../testing/hold-world.ts'
import { modernCall, RawAgent } from '../testing/raw-agent.ts'

// A broker that is killed, as by a crash or for want of memory, while it holds calls: nothing of it ends well.

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const upstream = await startUpstream()
  const gated = await startGatedUpstream('gated')
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'modern', name: 'Modern', url: upstream.url, ...rest } })
  await db.mcpServer.create({ data: { id: 'gated', name: 'Gated', url: gated.url, ...rest } })
  const options = { databaseUrl, port: await freePort() }
  let broker: BrokerProcess = await startBrokerProcess(options)
  onCleanup(async () => {
    gated.open()
    await broker.stop()
    await Promise.all([upstream.stop(), gated.stop()])
  })
  await until(async () => (await db.mcpTool.count()) === 7, 30_000)
  const security = await makePerson(db, { roles: ['security'] })
  const write = { name: 'gate', class: 'write', reason: 'It changes something.' } as const
  await classifyTool(ctxFor(db, security), { serverId: 'gated', ...write })
  const base = { title: 'Waits', deciderRoles: ['security'] }
  for (const tool of [
    { serverId: 'modern', toolName: 'change' },
    { serverId: 'gated', toolName: 'gate' },
  ]) {
    await createHoldRule(ctxFor(db, security), createHoldRuleInput.parse({ ...base, ...tool }))
  }
  return {
    broker: { url: broker.url },
    security,
    upstream,
    gated,
    kill: () => broker.kill(),
    start: async () => void (broker = await startBrokerProcess(options)),
  }
})
type World = { broker: { url: string }; security: Awaited<ReturnType<typeof makePerson>> }
type Sent = { era: Era; serverId: string; tool: string; word: string }

/** Who calls again and again with the same session, if its era has any, and a token of its own each time, as after a renewal. */
async function caller(db: Db, { broker }: World, by: 'run' | 'credential') {
  const agent = await makeAgent(db)
  const { agentId } = agent
  for (const serverId of ['modern', 'gated']) await makeGrant(db, { agentId, serverId, class: 'write' })
  const token = by === 'run' ? () => sessionToken(db, broker.url, agent) : await credentialOf(db, broker, agentId)
  const at = async (serverId: string) => new RawAgent(`${broker.url}/mcp/${serverId}`, await token())
  let session: Record<string, string> = {}
  const send = async ({ era, serverId, tool, word }: Sent) => {
    const here = await at(serverId)
    if (era === 'modern') return here.ask(modernCall(tool, { more: { arguments: { word } } }))
    if (!session['mcp-session-id']) session = await here.begin()
    const body = { id: 3, method: 'tools/call', params: { name: tool, arguments: { word } } }
    return here.ask({ body, headers: session })
  }
  const held = () => db.heldCall.findMany({ where: { agentId }, orderBy: { id: 'asc' } })
  const waits = async () => {
    const find = () => db.heldCall.findFirst({ where: { agentId, state: 'waiting' } })
    await until(async () => (await find()) !== null)
    return (await find())!
  }
  await until(async () => {
    const answer = await (await at('modern')).ask(modernCall('look'))
    return answer.last.result?.['isError'] !== true && answer.last.error === undefined
  })
  return { agentId, send, held, waits }
}

async function credentialOf(db: Db, broker: { url: string }, agentId: string) {
  const issuer = createTokenIssuer({ url: portalUrl, brokerUrl: broker.url, secretBox })
  const { clientId, clientSecret } = await issueAgentCredential(systemCtx(db), { agentId })
  const form = { client_id: clientId, client_secret: clientSecret! }
  return async () => {
    const issued = await askForToken(systemCtx(db), { ...issuer, audience: `${broker.url}/mcp` }, { form })
    if (!issued.ok) throw new Error(issued.error.message)
    return issued.value.token
  }
}

const kinds = [
  { by: 'run', era: 'modern' },
  { by: 'run', era: 'legacy' },
  { by: 'credential', era: 'modern' },
  { by: 'credential', era: 'legacy' },
] as const

/** A caller of each kind, with the call it makes, told apart by its word. */
function callersOf(db: Db, world: World, { words, ...tool }: Pick<Sent, 'serverId' | 'tool'> & { words: string }) {
  return Promise.all(
    kinds.map(async ({ by, era }, at) => {
      return { ...(await caller(db, world, by)), call: { era, ...tool, word: `${words} ${at}` } }
    }),
  )
}

/** An answer of a call, or null where the connection was lost before there was one. */
async function answerOf(sent: ReturnType<Awaited<ReturnType<typeof caller>>['send']>) {
  const ended = await sent.catch(() => null)
  return ended && (ended.last.result || ended.last.error) ? JSON.stringify(ended.last) : null
}

test(
  'a broker killed while calls wait: who sends the same call again waits for the same decision, and it is carried out once',
  { timeout: 240_000 },
  async ({ db, world }) => {
    const callers = await callersOf(db, world, { serverId: 'modern', tool: 'change', words: 'waiting' })
    const lost = callers.map(({ send, call }) => answerOf(send(call)))
    const first = await Promise.all(callers.map(({ waits }) => waits()))
    await world.kill()
    // Nobody is told anything that is not so.
    expect(await Promise.all(lost)).toEqual(kinds.map(() => null))
    await world.start()
    const again = callers.map(({ send, call }) => answerOf(send(call)))
    const reader = ctxFor(db, world.security)
    for (const { id } of first) {
      await until(async () => {
        const row = await db.heldCall.findUniqueOrThrow({ where: { id } })
        return row.seenAt > row.createdAt
      })
      expect(await getHeldCall(reader, id)).toMatchObject({ state: 'waiting', attended: true })
      expect(await decideIt(db, world, id, { decision: 'approve' })).toMatchObject({ ok: true })
    }
    const answers = await Promise.all(again)
    for (const [at, { held, call }] of callers.entries()) {
      expect(answers[at]).toContain(`changed ${call.word}`)
      expect((await held()).map(({ id }) => id)).toEqual([first[at]!.id])
      expect(world.upstream.calls.filter((each) => JSON.stringify(each).includes(call.word))).toHaveLength(1)
    }
  },
)

test(
  'what was approved while no broker lived goes when its caller comes back, once',
  { timeout: 240_000 },
  async ({ db, world }) => {
    const callers = await callersOf(db, world, { serverId: 'modern', tool: 'change', words: 'approved' })
    const lost = callers.map(({ send, call }) => answerOf(send(call)))
    const first = await Promise.all(callers.map(({ waits }) => waits()))
    await world.kill()
    await Promise.all(lost)
    for (const { id } of first) await decideIt(db, world, id, { decision: 'approve' })
    await world.start()
    for (const { send, held, call } of callers) {
      expect(await answerOf(send(call))).toContain(`changed ${call.word}`)
      expect(world.upstream.calls.filter((each) => JSON.stringify(each).includes(call.word))).toHaveLength(1)
      expect(await held()).toMatchObject([{ state: 'approved', settledAt: expect.any(Date) }])
    }
  },
)

test(
  'a broker killed while an approved call is at its server: the approval is spent, and the same call is asked about anew',
  { timeout: 240_000 },
  async ({ db, world }) => {
    const callers = await callersOf(db, world, { serverId: 'gated', tool: 'gate', words: 'under way' })
    const lost = callers.map(({ send, call }) => answerOf(send(call)))
    const first = await Promise.all(callers.map(({ waits }) => waits()))
    for (const { id } of first) await decideIt(db, world, id, { decision: 'approve' })
    await until(() => world.gated.waiting === kinds.length)
    await world.kill()
    expect(await Promise.all(lost)).toEqual(kinds.map(() => null))
    await world.start()
    const reader = ctxFor(db, world.security)
    const again = callers.map(({ send, call }) => answerOf(send(call)))
    for (const [at, { agentId, waits, held }] of callers.entries()) {
      const asked = await waits()
      expect((await held()).map(({ id }) => id)).toEqual([first[at]!.id, asked.id])
      // The person sees that the first was released, and the log that it was sent and that nothing is known of its end.
      const { state, settledAt } = await getHeldCall(reader, first[at]!.id)
      expect({ state, isSettled: settledAt !== null }).toEqual({ state: 'approved', isSettled: true })
      const events = await db.auditEvent.findMany({ where: { agentId, tool: 'gate' }, orderBy: { seq: 'asc' } })
      const names = events.map(({ event }) => event)
      expect(names).toEqual(['call.held', 'call.approved', 'call.settled', 'mcp.call_intended', 'call.held'])
      await decideIt(db, world, asked.id, { decision: 'reject', note: 'Look first whether it was done.' })
    }
    for (const text of await Promise.all(again)) expect(text).toContain('Look first whether it was done.')
    // None has reached the server a second time.
    expect(world.gated.waiting).toBe(kinds.length)
  },
)

test(
  'a broker killed right after an approval, at any point: what was approved is carried out at most once',
  { timeout: 240_000 },
  async ({ db, world }) => {
    for (const delay of [0, 7, 20]) {
      const callers = await callersOf(db, world, { serverId: 'modern', tool: 'change', words: `right after ${delay}` })
      const before = callers.map(({ send, call }) => answerOf(send(call)))
      const first = await Promise.all(callers.map(({ waits }) => waits()))
      await Promise.all(first.map(({ id }) => decideIt(db, world, id, { decision: 'approve' })))
      await new Promise((resolve) => setTimeout(resolve, delay))
      await world.kill()
      const told = await Promise.all(before)
      await world.start()
      for (const [at, { send, held, waits, call }] of callers.entries()) {
        const reached = () => world.upstream.calls.filter((each) => JSON.stringify(each).includes(call.word)).length
        const [released] = await held()
        // Who was told that it was done was told the truth.
        if (told[at]?.includes(`changed ${call.word}`)) expect(reached()).toBe(1)
        const again = answerOf(send(call))
        if (released!.settledAt === null) {
          expect(await again).toContain(`changed ${call.word}`)
          expect(await held()).toHaveLength(1)
        } else {
          await decideIt(db, world, (await waits()).id, { decision: 'reject', note: 'Once is enough.' })
          expect(await again).toContain('Once is enough.')
        }
        expect(reached()).toBeLessThanOrEqual(1)
      }
    }
  },
)
