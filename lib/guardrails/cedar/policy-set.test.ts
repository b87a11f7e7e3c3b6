import { expect, test } from 'vitest'
import { createCedarPolicySet } from './policy-set.ts'
import { readPolicySource } from '../queries.ts'
import type { PolicyQuestion } from '../rules/policy-set.ts'
import { explainRule } from '../rules/explain.ts'

const agent = {
  id: 'a',
  name: 'A',
  teamId: 't',
  tier: 'high',
  status: 'active',
  statusReason: null,
  currentVersion: 1,
  grants: [],
} as const
const tool = { serverId: 's', name: 'get', class: 'read', state: 'approved' } as const
const server = {
  id: 's',
  name: 'S',
  environment: 'staging',
  sensitivity: 'public',
  enabled: true,
  demo: false,
  tools: new Map(),
} as const
const grant = { id: 'g', serverId: 's', class: 'read', toolName: null, via: 'request', expiresAt: null } as const
const question = {
  agent,
  server,
  tool,
  grants: [grant],
  simulated: false,
  breakGlass: false,
  session: null,
  clock: { hour: 12, weekday: 3 },
}

/** Beside the code of a policy, what it must say. */
const words = (id: string) => `@id("${id}") @title("T") @explanation("E") @remedy("R")`
const permitAll = `${words('permit_all')} permit (principal, action, resource);`

async function setOf(...policies: string[]) {
  return createCedarPolicySet({ ...(await readPolicySource()), policies })
}

test('the policies of the release say in words what they refuse', async () => {
  const set = createCedarPolicySet(await readPolicySource())
  for (const id of [
    'policy_destructive_on_production',
    'policy_low_tier_on_restricted',
    'policy_simulated_changes_nothing_real',
  ])
    expect(set.wordsOf(id)).toMatchObject({
      title: expect.stringMatching(/./) as string,
      explanation: expect.stringMatching(/./) as string,
      remedy: expect.stringMatching(/./) as string,
    })
  expect(set.wordsOf('policy_unknown')).toBeNull()
})

test('a policy that does not type-check stops the start instead of being skipped', async () => {
  const source = await readPolicySource()
  const wrong = `${words('policy_wrong')} forbid (principal, action, resource) when { resource.colour == "red" };`
  expect(() => createCedarPolicySet({ ...source, policies: [...source.policies, wrong] })).toThrow(/colour/)
})

test('what no policy permits is denied, and a forbid beats every permit', async () => {
  const forbid = `${words('policy_reads')} forbid (principal, action, resource) when { resource.class == "read" };`
  const judge = async (...policies: string[]) => (await setOf(...policies)).judge(question)
  expect(await judge()).toBe('policy_default_deny')
  expect(await judge(permitAll)).toBeNull()
  expect(await judge(permitAll, forbid)).toBe('policy_reads')
})

test('a policy that forbids only calling hides the tool too, so that what is listed can be called', async () => {
  const forbid = `${words('policy_calls')} forbid (principal, action == Wheelhouse::Action::"call", resource);`
  expect((await setOf(permitAll, forbid)).judge(question)).toBe('policy_calls')
})

test('a policy that permits only calling permits nothing: what cannot be seen cannot be called', async () => {
  const permit = `${words('permit_calls')} permit (principal, action == Wheelhouse::Action::"call", resource);`
  expect((await setOf(permit)).judge(question)).toBe('policy_default_deny')
})

test('the hour and the day decide when policies look at them, whatever was remembered before', async () => {
  const forbid = `${words('policy_nights')} forbid (principal, action, resource) when { context["\\u{68}our"] < 6 || context.weekday > 5 };`
  const set = await setOf(permitAll, forbid)
  const at = (hour: number, weekday: number) => set.judge({ ...question, clock: { hour, weekday } })
  expect([at(12, 3), at(5, 3), at(12, 6), at(12, 3), at(6, 5)]).toEqual([
    null,
    'policy_nights',
    'policy_nights',
    null,
    null,
  ])
})

test('the run, the template, the team and what is held are facts a policy can look at', async () => {
  const session = { agentVersion: 2, startedBy: 'schedule' } as const
  const asked = { ...question, agent: { ...agent, templateId: 'tpl' }, session }
  const judge = async (condition: string, of: PolicyQuestion = asked) =>
    (await setOf(permitAll, `${words('policy_it')} forbid (principal, action, resource) when { ${condition} };`)).judge(
      of,
    )
  const about =
    'principal in Wheelhouse::Template::"tpl" && principal in Wheelhouse::Team::"t" && principal in Wheelhouse::Access::"s:read"'
  expect(await judge(about)).toBe('policy_it')
  expect(await judge(about, { ...asked, agent: { ...agent, templateId: 'other' } })).toBeNull()
  const run = 'context has session && context.session.startedBy == "schedule" && context.session.agentVersion == 2'
  expect(await judge(run)).toBe('policy_it')
  expect(await judge(run, { ...asked, session: { ...session, agentVersion: 3 } })).toBeNull()
  expect(await judge(run, { ...asked, session: null })).toBeNull()
})

test('what a decision is remembered by is what the policies look at: other grants and other runs are judged anew', async () => {
  const set = await setOf(
    permitAll,
    `${words('policy_held')} forbid (principal, action, resource) when { principal in Wheelhouse::Access::"s:write" };`,
    `${words('policy_run')} forbid (principal, action, resource) when { context has session && context["\\u{73}ession"].startedBy == "api" };`,
  )
  expect(set.judge(question)).toBeNull()
  expect(set.judge({ ...question, grants: [grant, { ...grant, id: 'h', class: 'write' }] })).toBe('policy_held')
  expect(set.judge({ ...question, session: { agentVersion: 1, startedBy: 'manual' } })).toBeNull()
  expect(set.judge({ ...question, session: { agentVersion: 1, startedBy: 'api' } })).toBe('policy_run')
})

test('a rule nobody knows, a permission and a stop order are explained as well', () => {
  expect(explainRule('stop:agent:x').title).toBe('Stopped by the kill switch')
  expect(explainRule('permission:stops:order').remedy).toContain('On-call')
  expect(explainRule('policy_no_changes_at_night')).toMatchObject({ title: 'No changes at night' })
  expect(explainRule('from_the_future')).toMatchObject({ id: 'from_the_future', setBy: 'Unknown' })
})
