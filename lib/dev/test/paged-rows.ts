import type { Db } from '#lib/db/client.ts'
import { makeAgent, makePerson, makeTeam, testRendered } from './fleet.ts'
import { makeGrant, makeServer } from './registry.ts'

const hour = 3_600_000

/** Three of what a person is told, by whom it is sent and who stands in for whom. */
export async function threeOfWhatIsTold(db: Db, personId: string): Promise<void> {
  for (const n of [1, 2, 3]) {
    const said = { kind: 'stop', title: `Stop ${n}`, body: '', path: '/kill', thread: `stop:${n}` }
    await db.notification.create({ data: { personId, eventSeq: BigInt(n), ...said } })
    const teamId = await makeTeam(db)
    const made = { createdById: personId, createdByName: 'Ada' }
    await db.notificationChannel.create({
      data: { teamId, name: `Channel ${n}`, url: new Uint8Array(1), host: 'hooks.test', kinds: ['stop'], ...made },
    })
    await db.notificationDelivery.create({
      data: {
        medium: 'mail',
        personId,
        eventSeq: BigInt(n),
        what: 'test',
        message: { what: 'test', by: 'Ada' },
      },
    })
    const { id: delegateId } = await makePerson(db, { roles: ['security'] })
    const startsAt = new Date(Date.now() + n * 24 * hour)
    const endsAt = new Date(startsAt.getTime() + hour)
    await db.delegation.create({ data: { personId, delegateId, startsAt, endsAt, reason: 'away' } })
  }
}

/** Three replays of a set; the last one's id. */
export async function threeReplays(db: Db, setNumber: number): Promise<string> {
  let last = ''
  for (const n of [1, 2, 3]) {
    const range = { fromAt: new Date(Date.now() - n * hour), toAt: new Date() }
    const seqs = { afterSeq: 0n, upToSeq: 0n, doneSeq: 0n }
    const asked = { requestedById: 'p', requestedByName: 'Ada' }
    const { id } = await db.policyReplay.create({
      data: { setNumber, setVersion: `v${n}`, policies: [], state: 'cancelled', ...range, ...seqs, ...asked },
    })
    last = id
  }
  return last
}

/** Two open sessions of an agent that began with other tools than it has now. */
export async function agentWithStaleSessions(db: Db): Promise<void> {
  const serverId = await makeServer(db)
  const rendered = { ...testRendered(), mcpServers: [{ name: serverId, path: `/mcp/${serverId}` }] }
  const { id: agentId } = await makeAgent(db, { id: 'agent-stale', rendered })
  const began = { agentId, agentVersion: 1, trigger: 'manual', state: 'running', input: '', simulated: false } as const
  for (const n of [1, 2]) await db.run.create({ data: { ...began, startedAt: new Date(Date.now() - n * hour) } })
  await makeGrant(db, { agentId, serverId })
}
