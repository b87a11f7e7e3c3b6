import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { type HeldMutation, heldMutations } from '#lib/dev/test/held-mutations.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { decideHeldCall, endHeldCalls, holdCall, settleHeldCall } from './commands.ts'
import { columnsOf, lockHeldCall } from './commands/held-calls.ts'
import { isAsDecided, isAsHeld } from './rules/held-seals.ts'
import type { ExactCall } from './schema/held-calls.ts'

const now = new Date('2026-11-22T10:00:00Z')
const later = (ms: number) => new Date(now.getTime() + ms)
const secondsToDecide = 60
const grace = 120_000

async function world(db: Db, toolClass: 'read' | 'write' = 'write') {
  const { id: agentId } = await makeAgent(db)
  const serverId = await makeServer(db)
  const others = {
    agentId: (await makeAgent(db)).id,
    serverId: await makeServer(db),
    personId: (await makePerson(db, { roles: ['security'] })).id,
  }
  const security = await makePerson(db, { roles: ['security'] })
  const rule = {
    id: crypto.randomUUID(),
    title: 'Changes wait',
    deciderRoles: ['security'],
    excludedDeciders: ['starter', 'accountable'],
    decideSeconds: secondsToDecide,
    onTimeout: 'allow',
  } as const
  const again = async (call: ExactCall) =>
    (await holdCall(ctxFor(db, undefined, now), { source: 'broker', call, class: toolClass, rule })).heldCallId
  let amount = 0
  /** Another call each time, so that none is the same as one before. */
  const hold = async () => {
    amount += 1
    const call: ExactCall = { ...exactCall({ agentId, serverId }), arguments: { amount }, inputResponses: null }
    return { call, id: await again(call) }
  }
  const settle = async (heldCallId: string, call: ExactCall, at = later(1000)) => {
    const outcome = await settleHeldCall(ctxFor(db, undefined, at), { heldCallId, call, by: 'test' }).catch(
      (error: unknown) => ({ end: (error as { code: string }).code }),
    )
    return outcome.end
  }
  const ctx = ctxFor(db, security, now)
  return { db, hold, again, settle, ctx, others }
}
type World = Awaited<ReturnType<typeof world>>

/** Each mutation of a held call of its own, after `prepare`; what came of it, by column. */
async function matrix(
  { db, hold, others }: World,
  options: {
    prepare: (heldCallId: string) => Promise<unknown>
    attempt: (heldCallId: string, call: ExactCall) => Promise<string>
  },
): Promise<Map<string, Set<string>>> {
  const outcomes = new Map<string, Set<string>>()
  const mutate = async (pick: (mutations: HeldMutation[]) => HeldMutation | undefined) => {
    const { id, call } = await hold()
    await options.prepare(id)
    const row = await db.heldCall.findUniqueOrThrow({ where: { id } })
    const mutation = pick(heldMutations(row, others))
    if (!mutation) return false
    await db.heldCall.update({ where: { id }, data: { [mutation.column]: mutation.value } })
    const found = outcomes.get(mutation.column) ?? new Set()
    outcomes.set(mutation.column, found.add(await options.attempt(id, call)))
    return true
  }
  for (let at = 0; await mutate((mutations) => mutations[at]); at += 1);
  return outcomes
}

async function columns(db: Db): Promise<string[]> {
  const rows = await db.$queryRaw<{ name: string }[]>`
    select column_name::text as "name" from information_schema.columns where table_schema = 'public' and table_name = 'HeldCall'`
  return rows.map(({ name }) => name).toSorted()
}

const expected = (all: readonly string[], outcome: string, exceptions: Record<string, string>) =>
  Object.fromEntries(all.map((column) => [column, exceptions[column] ?? outcome]))
const found = (outcomes: Map<string, Set<string>>) =>
  Object.fromEntries([...outcomes].map(([column, ends]) => [column, [...ends].join(' ')]))

dbTest('every column of a held call that is changed after its approval has it refused', async ({ db }) => {
  const all = await columns(db)
  for (const decision of [
    { decision: 'approve' },
    { decision: 'edit', arguments: { amount: 0 } },
    { decision: 'reject', note: 'Not today.' },
  ] as const) {
    const it = await world(db)
    const outcomes = await matrix(it, {
      prepare: (heldCallId) => decideHeldCall(it.ctx, { heldCallId, ...decision }),
      attempt: it.settle,
    })
    // An id that is not there belongs to no call.
    expect(found(outcomes)).toEqual(expected(all, 'altered', { id: 'not_found' }))
  }
})

dbTest('nor does a changed one go when the clock would have allowed it', async ({ db }) => {
  const it = await world(db, 'read')
  const over = later(secondsToDecide * 1000)
  const unchanged = await it.hold()
  await endHeldCalls(ctxFor(db, undefined, over))
  expect(await it.settle(unchanged.id, unchanged.call, over)).toBe('released')
  const afterwards = await matrix(it, {
    prepare: () => endHeldCalls(ctxFor(db, undefined, over)),
    attempt: (id, call) => it.settle(id, call, over),
  })
  expect(found(afterwards)).toEqual(expected(await columns(db), 'altered', { id: 'not_found' }))
  const before = await matrix(it, {
    prepare: async () => {},
    attempt: async (id, call) => {
      await endHeldCalls(ctxFor(db, undefined, over))
      return it.settle(id, call, over)
    },
  })
  for (const [column, ends] of before) expect([column, ends.has('released')]).toEqual([column, column === 'seenAt'])
})

dbTest('nobody decides about a held call of which any column was changed while it waited', async ({ db }) => {
  const it = await world(db)
  const outcomes = await matrix(it, {
    prepare: async () => {},
    attempt: async (heldCallId, call) => {
      const decided = await decideHeldCall(it.ctx, { heldCallId, decision: 'approve' }).catch((error: unknown) => error)
      const { ok, error, code } = decided as { ok?: boolean; error?: { rule: string }; code?: string }
      if (ok) expect(await it.settle(heldCallId, call)).toBe('released')
      if (error?.rule === 'approvals:altered') {
        const { state } = await db.heldCall.findUniqueOrThrow({ where: { id: heldCallId } })
        expect(state).toBe('cancelled')
      }
      return ok ? 'approved' : (error?.rule ?? code ?? 'nothing')
    },
  })
  expect(found(outcomes)).toEqual(
    expected(await columns(db), 'approvals:altered', {
      id: 'not_found',
      state: 'approvals:already_decided',
      // Nobody is left who may.
      deciderRoles: 'approvals:altered approvals:role',
      // It only says that somebody still waits, and changes all the time.
      seenAt: 'approved',
    }),
  )
})

dbTest(
  'an approval is for the call to the letter: every field of it, and for no other with the same arguments',
  async ({ db }) => {
    const { hold, settle, ctx, others } = await world(db)
    const mutations = {
      agentId: others.agentId,
      agentVersion: 2,
      runId: crypto.randomUUID(),
      session: 'another session',
      serverId: others.serverId,
      tool: 'wipe',
      definitionHash: 'the tool changed',
      arguments: { amount: -1 },
      inputResponses: { name: { action: 'accept' } },
      policyVersion: 'the policies changed',
    } satisfies Required<ExactCall>
    for (const [field, value] of Object.entries(mutations)) {
      const { id, call } = await hold()
      await decideHeldCall(ctx, { heldCallId: id, decision: 'approve' })
      expect([field, await settle(id, { ...call, [field]: value })]).toEqual([field, 'altered'])
      // And it is spent with that.
      expect(await settle(id, call)).toBe('altered')
    }
    const [approved, waiting] = [await hold(), await hold()]
    await decideHeldCall(ctx, { heldCallId: approved.id, decision: 'approve' })
    expect(await settle(waiting.id, approved.call)).toBe('conflict')
    const same = { ...approved.call, agentId: others.agentId }
    expect(await settle(approved.id, same)).toBe('altered')
  },
)

dbTest('an approval ends at its second: released the moment before, refused from then on', async ({ db }) => {
  const { hold, settle, ctx } = await world(db)
  const decidedAt = later(secondsToDecide * 1000 - 1)
  const ends = new Date(decidedAt.getTime() + grace)
  for (const [at, end] of [
    [new Date(ends.getTime() - 1), 'released'],
    [ends, 'expired'],
  ] as const) {
    const { id, call } = await hold()
    expect(await decideHeldCall({ ...ctx, now: decidedAt }, { heldCallId: id, decision: 'approve' })).toMatchObject({
      ok: true,
    })
    expect(await settle(id, call, at)).toBe(end)
    expect(await settle(id, call, at)).toBe('altered')
  }
  // The time to decide ends the same way.
  const { id } = await hold()
  const over = { ...ctx, now: later(secondsToDecide * 1000) }
  const late = await decideHeldCall(over, { heldCallId: id, decision: 'approve' })
  expect(late).toMatchObject({ ok: false, error: { rule: 'approvals:expired' } })
})

dbTest('of several who release the same approval at once one does', async ({ db }) => {
  const { hold, settle, ctx } = await world(db)
  const { id, call } = await hold()
  await decideHeldCall(ctx, { heldCallId: id, decision: 'approve' })
  const ends = await Promise.all(Array.from({ length: 5 }, () => settle(id, call)))
  expect(ends.toSorted()).toEqual(['altered', 'altered', 'altered', 'altered', 'released'])
})

dbTest('what was altered or never sealed is cancelled, and the same call is held anew', async ({ db }) => {
  const { hold, again, settle, ctx } = await world(db)
  const [altered, unsealed] = [await hold(), await hold()]
  await db.heldCall.update({ where: { id: altered.id }, data: { ruleTitle: 'Something else' } })
  const refused = await decideHeldCall(ctx, { heldCallId: altered.id, decision: 'approve' })
  expect(refused).toMatchObject({ ok: false, error: { rule: 'approvals:altered' } })
  expect(await settle(altered.id, altered.call)).toBe('cancelled')
  // As a release left it that did not seal.
  await db.heldCall.update({ where: { id: unsealed.id }, data: { hold: null } })
  expect(await endHeldCalls(ctxFor(db, undefined, now))).toBe(1)
  expect(await settle(unsealed.id, unsealed.call)).toBe('cancelled')
  for (const { id, call } of [altered, unsealed]) {
    const heldCallId = await again(call)
    expect(heldCallId).not.toBe(id)
    expect(await decideHeldCall(ctx, { heldCallId, decision: 'approve' })).toMatchObject({ ok: true })
    expect(await settle(heldCallId, call)).toBe('released')
  }
  const events = await db.auditEvent.findMany({ where: { event: 'call.cancelled', agentId: altered.call.agentId } })
  expect(events.map(({ detail }) => (detail as { heldCallId: string }).heldCallId).toSorted()).toEqual(
    [altered.id, unsealed.id].toSorted(),
  )
})

dbTest('a column that comes later breaks no seal from before, and is sealed once it says something', async ({ db }) => {
  const { hold, ctx } = await world(db)
  const { id } = await hold()
  const row = columnsOf(await db.$transaction((tx) => lockHeldCall(tx, id)))
  expect(isAsHeld(row)).toBe(true)
  expect(isAsHeld({ ...row, addedLater: null })).toBe(true)
  expect(isAsHeld({ ...row, addedLater: 'something' })).toBe(false)
  await decideHeldCall(ctx, { heldCallId: id, decision: 'approve' })
  const decided = columnsOf(await db.$transaction((tx) => lockHeldCall(tx, id)))
  expect(isAsDecided({ ...decided, addedLater: null })).toBe(true)
  expect(isAsDecided({ ...decided, addedLater: 'something' })).toBe(false)
})
