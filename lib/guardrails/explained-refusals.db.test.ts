import { expect } from 'vitest'
import { recordAudit } from '#lib/audit/commands.ts'
import { inTx } from '#lib/auth/ctx.ts'
import { delegationRules } from '#lib/delegation/schema.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { reviewRules } from '#lib/lifecycle/schema/reviews.ts'
import { scopeRules } from '#lib/scopes/schema.ts'
import { explainDecision } from './queries/explanation/decision.ts'
import { heldCallRules } from './schema/held-calls.ts'
import { holdBypassRules } from './schema/hold-bypasses.ts'
import { otherRules } from './schema/other-rules.ts'
import { policySetRules } from './schema/policy-sets.ts'

const said = expect.stringMatching(/\S/) as string
const sentence = expect.stringMatching(/\.\)?$/) as string

/** Every list of rules that refuse people, so that a new id without words fails. */
const ofPeople = [
  ...scopeRules,
  ...heldCallRules,
  ...holdBypassRules,
  ...policySetRules,
  ...delegationRules,
  ...reviewRules,
  'stops:second_person',
]

async function refusals(db: Db) {
  const { id: agentId } = await makeAgent(db)
  const person = ctxFor(db, await makePerson(db))
  const subject = { kind: 'agent', id: agentId, name: agentId }
  const explained = async (rule: string) => {
    const detail = { requestId: null, reason: rule, message: 'It is refused to you.' }
    await inTx(person, async (tx, ctx) =>
      recordAudit(tx, ctx, { event: 'scope_request.refused', subject, agentId, rule, detail }),
    )
    const { id } = await db.auditEvent.findFirstOrThrow({ where: { agentId, rule } })
    const found = await explainDecision(person, { id })
    expect(found).toMatchObject({ rule, step: 'person', message: 'It is refused to you.', usage: null })
    const { title, meaning, remedy, setBy, changedBy } = found
    expect({ rule, title }).not.toEqual({ rule, title: rule })
    expect({ rule, setBy: setBy?.text }).not.toEqual({ rule, setBy: 'Unknown' })
    for (const text of [meaning, remedy, changedBy?.how]) expect({ rule, text }).toEqual({ rule, text: sentence })
    expect({ rule, title, setBy: setBy?.text }).toEqual({ rule, title: said, setBy: said })
    return found
  }
  return { agentId, explained }
}

dbTest('every rule that refuses people is explained in full, with what was said', async ({ db }) => {
  const { agentId, explained } = await refusals(db)
  for (const rule of ofPeople) {
    const { next } = await explained(rule)
    // Where it was decided, before the agent.
    expect({ rule, next: next[0]?.link }).not.toEqual({ rule, next: `/agents/${agentId}` })
  }
})

dbTest(
  'so is every rule that refuses a sign-in, an app, a change of the registry or a request as such',
  async ({ db }) => {
    const { explained } = await refusals(db)
    for (const rule of Object.keys(otherRules)) await explained(rule)
  },
)
