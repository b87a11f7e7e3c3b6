import { expect } from 'vitest'
import { jobs } from '#lib/jobs/contracts.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import type { Db } from '#lib/db/client.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeWorkshop } from '#lib/dev/test/lifecycle.ts'
import { makeTemplate } from '#lib/dev/test/registry.ts'
import { createAgent } from '#lib/lifecycle/commands.ts'
import { createLog } from '#lib/log/log.ts'
import { retryProvisioning } from './commands.ts'
import type { HarnessDeps } from './worker/deps.ts'
import { provisionAgent } from './worker/provision.ts'

dbTest('behind a first run is whoever registered the agent so', async ({ db }) => {
  const { id, builder, work } = await registered(db)
  await work(await payloadOf(db, `provision:${id}:1`))
  expect(await setOffBy(db, id)).toBe(builder.id)
})

dbTest('behind a first run that is tried again is whoever tried it again, and the audit log has it', async ({ db }) => {
  const { id, work } = await registered(db)
  const first = await payloadOf(db, `provision:${id}:1`)
  await db.creationStep.updateMany({ where: { agentId: id, step: 'first_run' }, data: { state: 'failed' } })
  const other = await makePerson(db, { roles: ['platform_admin'] })
  expect(await retryProvisioning(ctxFor(db, other), { agentId: id })).toMatchObject({ ok: true })
  const retried = await db.auditEvent.findMany({ where: { agentId: id, event: 'agent.creation_retried' } })
  expect(retried).toMatchObject([{ actorId: other.id, detail: { steps: ['first_run'] } }])
  const again = await payloadOf(db, `provision_again:${id}`)
  expect(again).not.toMatchObject({ setOffById: first.setOffById })
  await work(again)
  expect(await setOffBy(db, id)).toBe(other.id)
})

dbTest('of a first run that nobody known had tried again it is not known who is behind it', async ({ db }) => {
  const { id, work } = await registered(db)
  await db.creationStep.updateMany({ where: { agentId: id, step: 'first_run' }, data: { state: 'failed' } })
  await retryProvisioning(ctxFor(db), { agentId: id })
  const { setOffById, ...asOlderReleasesQueuedIt } = await payloadOf(db, `provision_again:${id}`)
  expect(setOffById).toBeNull()
  await work(asOlderReleasesQueuedIt)
  expect(await setOffBy(db, id)).toBeNull()
})

/** An agent that is to begin with a run, created but for that. */
async function registered(db: Db) {
  const { builder, draft, reads } = await makeWorkshop(db)
  const id = `agent-${crypto.randomUUID().slice(0, 8)}`
  const scope = { server: reads, class: 'read', required: true, reason: 'to do its work', approval: 'auto' } as const
  const template = await makeTemplate(db, { scopes: [scope] })
  await createAgent(ctxFor(db, builder), draft(id, { templateId: template.id, firstRun: true }))
  await db.claudeBinding.create({ data: { agentId: id, version: 1, claudeAgentId: `agent_${id}`, claudeVersion: 1 } })
  await db.creationStep.updateMany({ where: { agentId: id, step: { not: 'first_run' } }, data: { state: 'done' } })
  await db.agent.update({ where: { id }, data: { status: 'active' } })
  const deps = {
    db,
    log: createLog({ process: 'worker', level: 'silent' }),
    exclusively: async (_key, work) => await work(),
  } as HarnessDeps
  const work = async (payload: Payload) => await provisionAgent(deps, payload, { number: 1, last: true })
  return { id, builder, work }
}

type Payload = Parameters<typeof provisionAgent>[1]

async function payloadOf(db: Db, key: string): Promise<Payload> {
  const [job] = await db.$queryRaw<{ payload: unknown }[]>`
    select "payload" from graphile_worker._private_jobs where "key" = ${key}`
  return jobs.provisionAgent.payload.parse(job?.payload)
}

async function setOffBy(db: Db, agentId: string): Promise<string | null> {
  const run = await db.run.findFirstOrThrow({ where: { agentId, trigger: 'first_run' } })
  expect(run).toMatchObject({ state: 'queued', requestedById: null })
  return run.scheduledById
}
