import { expect } from 'vitest'
import { permissions, roles } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeAgent, makePerson, makeTeam } from '#lib/dev/test/fleet.ts'
import { enforcePolicies, permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'

type Ask = (path: string, options?: { method?: string; body?: unknown; headers?: object }) => Promise<Response>
type World = { db: Db; team: string; person: string; agent: string; run: string; one: Ask }

const test = dbTest
  .extend('portal', { scope: 'file' }, ({ database }) =>
    openApiPortal(database, { WHEELHOUSE_WEBHOOK_PRIVATE_HOSTS: '127.0.0.1' }),
  )
  .extend('team', { scope: 'file' }, async ({ db }) => {
    await makeServer(db, { id: 'erp' })
    return await makeTeam(db)
  })
  .extend('writers', { scope: 'file' }, async ({ db, portal, team }) => {
    const writer = async (): Promise<Ask> => {
      const { id } = await makePerson(db, { roles, teamIds: [team] })
      const token = await makeToken(db, { personId: id, permissions })
      return (path, options = {}) => portal.fetch(`/api/v1${path}`, { ...options, token } as never)
    }
    return [await writer(), await writer()] as const
  })

const soon = () => new Date(Date.now() + 3_600_000)
const reason = { reason: 'to be tested' }

/** What two people write at once: the thing, how, and what is on record once only. */
const writes: Record<string, (world: World) => Promise<{ read: string; write: string; body?: object; event: string }>> =
  {
    'the end of a bypass': async ({ db, person }) => {
      const rule = await holdRule(db)
      const data = { ruleId: rule, reason: 'Away.', openedById: person, expiresAt: soon() }
      const read = `/hold-bypasses/${(await db.holdBypass.create({ data })).id}`
      return { read, write: `POST ${read}/end`, event: 'hold_bypass.ended' }
    },
    'the end of a rule that holds calls': async ({ db }) => {
      const read = `/hold-rules/${await holdRule(db)}`
      return { read, write: `POST ${read}/remove`, body: reason, event: 'hold_rule.end_asked' }
    },
    'a rule of the approval policy': async ({ db, person }) => {
      const proposed = { title: 'Reading', position: 900, steps: [], dueHours: 8, createdById: person, inForceAt: null }
      const read = `/approval-rules/${(await db.approvalRule.create({ data: proposed })).id}`
      return { read, write: `POST ${read}/confirm`, event: 'approval_rule.confirmed' }
    },
    'the review of an emergency': async ({ db, person }) => {
      // Of another team: nobody judges what their own agents did.
      const { id: agentId } = await makeAgent(db)
      const grantId = await makeGrant(db, { agentId, serverId: 'erp', expiresAt: soon() })
      await db.breakGlassReview.create({ data: { grantId, agentId, openedById: person } })
      const body = { verdict: 'justified', note: 'It was on fire, and is put out.' }
      const read = `/break-glass/${grantId}`
      return { read, write: `POST ${read}/review`, body, event: 'grant.break_glass_reviewed' }
    },
    'a delegation': async ({ db, person }) => {
      const { id: delegateId } = await makePerson(db)
      const data = { personId: person, delegateId, startsAt: new Date(), endsAt: soon(), reason: 'On leave.' }
      const read = `/delegations/${(await db.delegation.create({ data })).id}`
      return { read, write: `POST ${read}/revoke`, event: 'delegation.revoked' }
    },
    'a channel': async ({ one, team }) => {
      const shared = { owner: 'team', teamId: team, name: '#team', url: 'http://127.0.0.1:9/', kinds: ['stop'] }
      const made = await (await one('/notification-channels', { method: 'POST', body: shared })).json()
      const read = `/notification-channels/${(made as { channelId: string }).channelId}`
      return { read, write: `PATCH ${read}`, body: { enabled: false }, event: 'notification_channel.updated' }
    },
    'a person who leaves': async ({ db }) => {
      const read = `/people/${(await makePerson(db)).id}`
      return { read, write: `POST ${read}/deactivate`, body: reason, event: 'person.deactivated' }
    },
    'an escalation': async ({ db, agent, run }) => {
      const data = { runId: run, agentId: agent, kind: 'escalate', title: 'Odd', detail: {}, sourceId: 'e' } as const
      const read = `/escalations/${(await db.escalation.create({ data })).id}`
      return { read, write: `POST ${read}/resolve`, event: 'escalation.resolved' }
    },
    'what a role begins with': async ({ one }) => {
      const view = { name: 'Writers', shared: true, state: { q: 'can:write' } }
      const { id } = (await (await one('/agents/views', { method: 'POST', body: view })).json()) as { id: string }
      const read = '/agents/views/defaults/security'
      return { read, write: `PUT ${read}`, body: { viewId: id }, event: 'catalog_view.default_set' }
    },
    'a draft of policies': async ({ db, one }) => {
      const number = await draft(db, one)
      const read = `/policy-sets/${number}`
      return { read, write: `POST ${read}/log-only`, event: 'policy_set.log_only_started' }
    },
    'a draft that is thrown away': async ({ db, one }) => {
      const read = `/policy-sets/${await draft(db, one)}`
      const { version } = (await (await one(read)).json()) as { version: string }
      return { read, write: `POST ${read}/discard`, body: { version }, event: 'policy_set.discarded' }
    },
    'the text of a draft': async ({ db, one }) => {
      const read = `/policy-sets/${await draft(db, one)}`
      const body = { text: permitsGranted, note: 'Another note of it.' }
      return { read, write: `PUT ${read}`, body, event: 'policy_set.edited' }
    },
    'what a set is tried by': async () => {
      const read = '/policy-trial-terms'
      const body = { logOnlyMinutes: 77, logOnlyCalls: 7 }
      return { read, write: `PUT ${read}`, body, event: 'policy_trial_terms.changed' }
    },
    'the end of a stop': async ({ db, agent }) => {
      const data = { scope: 'agent', targetId: agent, reason: 'Odd.', orderedByName: 'Ada' } as const
      const read = `/kill/${(await db.stopOrder.create({ data })).id}`
      return { read, write: `POST ${read}/release`, body: reason, event: 'stop.released' }
    },
  }

test.for(Object.keys(writes))(
  'of two who have read %s, one writes and the other is told',
  async (name, { db, team, writers }) => {
    const [one, other] = writers
    const { id: person } = await makePerson(db, { roles: ['security'] })
    const { id: agent } = await makeAgent(db, { ownerTeamId: team })
    const of = { agentId: agent, agentVersion: 1, input: '', simulated: true }
    const { id: run } = await db.run.create({ data: { ...of, trigger: 'manual', state: 'running' } })
    const { read, write, body, event } = await writes[name]!({ db, team, person, agent, run, one })
    const etag = (await one(read)).headers.get('etag') ?? ''
    expect((await other(read)).headers.get('etag')?.split('.')[0]).toBe(etag.split('.')[0])
    const [method = '', path = ''] = write.split(' ')
    const before = await db.auditEvent.count({ where: { event } })
    const sent = { method, headers: { 'if-match': etag }, ...(body ? { body } : {}) }
    const answers = await Promise.all([one(path, sent), other(path, sent)])
    const told = await Promise.all(answers.map(async (answer) => [answer.status, await answer.text()]))
    const statuses = answers.map(({ status }) => (status < 300 ? 'done' : String(status)))
    expect({ told, statuses: statuses.toSorted() }).toMatchObject({ statuses: ['412', 'done'] })
    expect(await db.auditEvent.count({ where: { event } })).toBe(before + 1)
    expect((await one(path, sent)).status).toBe(412)
  },
)

async function holdRule(db: Db): Promise<string> {
  return (await db.holdRule.create({ data: { title: 'Waits', deciderRoles: ['security'], decideSeconds: 60 } })).id
}

async function draft(db: Db, ask: Ask): Promise<number> {
  if ((await db.policySet.count()) === 0) await enforcePolicies(db, [permitsGranted])
  const body = { text: `${permitsGranted}\n`, note: 'To be tried by two.' }
  const made = (await (await ask('/policy-sets', { method: 'POST', body })).json()) as { number: number }
  return made.number
}
