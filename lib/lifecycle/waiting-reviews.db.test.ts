import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makeAgent, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { endReview, startReview } from './commands.ts'
import { listWaitingReviews } from './queries.ts'
import { startReviewInput } from './schema/reviews.ts'

dbTest(
  'what waits for somebody is found in every open campaign, the one that is due first at the top',
  async ({ db }) => {
    const lead = await makePerson(db, { roles: ['builder'] })
    const { id: agentId } = await makeAgent(db, { accountablePersonId: lead.id })
    const grantId = await makeGrant(db, { agentId, serverId: await makeServer(db), class: 'write' })
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    const start = async (title: string, dueDays: number) => {
      const input = startReviewInput.parse({ title, grantIds: [grantId], dueDays, atEnd: 'keep' })
      return (await startReview(security, input)).campaignId
    }
    const started = [await start('Due first', 2)]
    for (let at = 0; at < 4; at += 1) started.push(await start(`Due later ${at}`, 20 + at))
    await endReview(security, { campaignId: await start('Ended', 1) })
    const waiting = await listWaitingReviews(ctxFor(db, lead))
    expect(waiting.map(({ campaign }) => campaign.id)).toEqual(started)
    expect(waiting[0]!.answers).toBe(1)
    expect(await listWaitingReviews(ctxFor(db, await makePerson(db, { roles: ['finance'] })))).toEqual([])
    const nobody = ctxFor(db, await makePerson(db, { roles: [] }))
    await expect(listWaitingReviews(nobody)).rejects.toMatchObject({ code: 'forbidden' })
  },
)
