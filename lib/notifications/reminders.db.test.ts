import { expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { exactCall } from '#lib/dev/test/exact-call.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { holdCall, remindOfHeldCalls } from '#lib/guardrails/commands.ts'
import { breakGlass, remindOfScopes, requestScope } from '#lib/scopes/commands.ts'
import { requestScopeInput } from '#lib/scopes/schema.ts'
import { collectNotifications } from './commands.ts'
import { listInbox } from './queries.ts'

const now = new Date('2026-11-26T09:00:00Z')
const later = (minutes: number) => new Date(now.getTime() + minutes * 60_000)
type Person = Awaited<ReturnType<typeof makePerson>>
const worker = (db: Db, at: Date) => ctxFor(db, systemActor('worker'), at)

async function titles(db: Db, person: Person, at: Date): Promise<string[]> {
  while ((await collectNotifications(worker(db, at), { mail: false })) > 0);
  return (await listInbox(ctxFor(db, person, at))).items.map(({ title }) => title)
}

test('who may decide is reminded of a request and of a review before they are due, and nobody else', async ({ db }) => {
  const { id: agentId, teamId } = await makeAgent(db, { name: 'Poster' })
  const serverId = await makeServer(db)
  const security = await makePerson(db, { roles: ['security'] })
  const ofTheTeam = await makePerson(db, { roles: ['security'], teamIds: [teamId] })
  const onCall = await makePerson(db, { roles: ['on_call'] })
  const builder = await makePerson(db, { teamIds: [teamId] })
  const input = requestScopeInput.parse({ agentId, serverId, class: 'write', days: 7, reason: 'to post corrections' })
  expect(await requestScope(ctxFor(db, builder, now), input)).toMatchObject({ ok: true })
  const reason = 'Invoices of today are posted twice and must be reversed.'
  const glass = { agentId, serverId, class: 'destructive', toolName: null, minutes: 30, reason } as const
  expect(await breakGlass(ctxFor(db, onCall, now), glass)).toMatchObject({ ok: true })
  const due = ['What is asked for Poster is due soon', 'The review of break-glass for Poster is due soon']
  await remindOfScopes(worker(db, later(18 * 60 - 1)))
  expect(await titles(db, security, later(18 * 60 - 1))).not.toEqual(expect.arrayContaining([due[0]]))
  await remindOfScopes(worker(db, later(18 * 60)))
  await remindOfScopes(worker(db, later(20 * 60)))
  const told = await titles(db, security, later(20 * 60))
  expect(told.filter((title) => due.includes(title)).toSorted()).toEqual(due.toSorted())
  for (const person of [ofTheTeam, onCall, builder]) {
    expect((await titles(db, person, later(20 * 60))).filter((title) => due.includes(title))).toEqual([])
  }
})

test('who may decide about a call that is held long is told once more before its time is over', async ({ db }) => {
  const { id: agentId } = await makeAgent(db)
  const serverId = await makeServer(db)
  const security = await makePerson(db, { roles: ['security'] })
  const finance = await makePerson(db, { roles: ['finance'] })
  const call = exactCall({ agentId, serverId })
  const rule = { id: null, title: 'Changes wait', deciderRoles: ['security'], excludedDeciders: [], decideSeconds: 900 }
  await holdCall(worker(db, now), { source: 'broker', call, class: 'write', rule: { ...rule, onTimeout: 'deny' } })
  for (const minutes of [12, 13, 14]) await remindOfHeldCalls(worker(db, later(minutes)))
  const nearly = 'The time to decide about a call of change is nearly over'
  expect((await titles(db, security, later(14))).filter((title) => title === nearly)).toEqual([nearly])
  expect(await titles(db, finance, later(14))).toEqual([])
})
