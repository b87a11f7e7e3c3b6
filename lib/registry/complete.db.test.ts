import { expect } from 'vitest'
import { fleetNow, makeFleet } from '#lib/dev/test/changing-fleet.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { completeAgentQuery, listAgents } from './queries.ts'

dbTest('a completion is counted as the query it makes, whatever stands around it', async ({ db }) => {
  await makeFleet(db)
  const ctx = ctxFor(db, undefined, fleetNow)
  for (const [typed, behind] of [
    ['-template:re', ''],
    ['env:production,', ''],
    ['status:active,', ' can:write'],
    ['tier:low or owner:', ''],
    ['can:write (owner:', ')'],
    ['(status:active or -owner:', ') tier:low'],
  ] as const) {
    const q = typed + behind
    const { items, from, to } = await completeAgentQuery(ctx, { q, at: typed.length })
    expect({ q, some: items.length > 0 }).toEqual({ q, some: true })
    for (const { text, count } of items) {
      const whole = q.slice(0, from) + text + q.slice(to)
      expect({ whole, count }).toEqual({ whole, count: (await listAgents(ctx, { q: whole })).total })
    }
  }
})

dbTest('what is no query yet is not counted, and still completed', async ({ db }) => {
  const { items } = await completeAgentQuery(ctxFor(db, undefined, fleetNow), { q: 'can:write (owner:' })
  expect(items.map(({ text, count }) => ({ text, count }))).toContainEqual({ text: 'owner:team-a', count: null })
})
