import { expect } from 'vitest'
import { dbTest as test } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import type { GrantFacts } from '#lib/guardrails/rules/facts.ts'
import { createLog } from '#lib/log/log.ts'
import { narrowGrant } from '#lib/scopes/commands.ts'
import { narrowGrantInput } from '#lib/scopes/schema/usage.ts'
import { GrantRates } from './grant-rates.ts'

const log = createLog({ process: 'broker', level: 'silent' })

test('narrowing does not give back what was used of a rate, also to calls that are counted meanwhile', async ({
  db,
}) => {
  const serverId = await makeServer(db)
  const { id: agentId, teamId } = await makeAgent(db)
  const calls = 4
  const grantId = await makeGrant(db, { agentId, serverId, class: 'write', rateCalls: calls, ratePer: 'hour' })
  const rates = new GrantRates({ db, log, waitMs: 5000 })
  const take = (id: string) => {
    const grant: GrantFacts = {
      id,
      serverId,
      class: 'write',
      toolName: null,
      via: 'request',
      expiresAt: null,
      rate: { calls, per: 'hour' },
    }
    return rates.take({ grant, grants: [grant] })
  }
  expect(await take(grantId)).toBeNull()
  const builder = ctxFor(db, await makePerson(db, { roles: ['builder'], teamIds: [teamId] }))
  let current = grantId
  let gone = 1
  for (const [at, pointer] of ['/a', '/b', '/c'].entries()) {
    const conditions = [{ tool: 'change', conditions: [{ pointer, equals: at }] }]
    const reason = 'Less is needed.'
    const input = narrowGrantInput.parse({ grantId: current, toolNames: ['change'], conditions, reason })
    // Brokers learn of it within a second: until then they count for the old one.
    const [narrowed, ...meanwhile] = await Promise.all([narrowGrant(builder, input), take(current), take(current)])
    if (!narrowed.ok) throw new Error(narrowed.error.message)
    const old = current
    current = narrowed.value.grantIds[0]!
    const answers = [...meanwhile, await take(old), await take(current)]
    gone += answers.filter((answer) => answer === null).length
    expect(await take(old)).toMatchObject({ rule: 'grant_rate' })
  }
  while ((await take(current)) === null) gone += 1
  expect(gone).toBe(calls)
  expect(await take(current)).toMatchObject({ rule: 'grant_rate', facts: { used: calls } })
})
