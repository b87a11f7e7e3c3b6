import { expect } from 'vitest'
import { makeToken } from '#lib/dev/test/api-portal.ts'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'
import { createLog } from '#lib/log/log.ts'
import { simulatedLimits, standardLimits } from '../limits.ts'
import { RegistryThread } from './thread.ts'

const log = createLog({ process: 'broker', level: 'silent' })

function threadAt(databaseUrl: string): RegistryThread {
  const limits = simulatedLimits(standardLimits)
  const addresses = { brokerUrl: 'http://broker.test', portalUrl: 'http://portal.test' }
  return new RegistryThread({ databaseUrl, logLevel: 'silent', demoPeople: true, limits, ...addresses }, log)
}

function asked(token: string) {
  const text = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'count_agents', arguments: {} },
  })
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  return { url: 'http://broker.test/mcp/registry', method: 'POST', headers, text }
}

dbTest('a thread that cannot begin answers 503, and so does one without its database', async ({ db, databaseUrl }) => {
  const broken = threadAt('no address at all')
  const answer = await broken.ask(asked(`wh_pat_${'x'.repeat(43)}`))
  expect([500, 503]).toContain(answer.status)
  await broken.close()

  const { id: personId } = await makePerson(db)
  const token = await makeToken(db, { personId, permissions: ['agents:read'] })
  const thread = threadAt(databaseUrl)
  const many = await Promise.all(Array.from({ length: 70 }, () => thread.ask(asked(token))))
  const statuses = new Set(many.map(({ status }) => status))
  // Some questions at once are answered, too many of one person are limited, and more than may wait are told so.
  expect([...statuses].toSorted((a, b) => a - b)).toEqual([200, 429, 503])
  await thread.close()
  await thread.close()
})

dbTest('what is asked when it is closed is still answered', async ({ db, databaseUrl }) => {
  const { id: personId } = await makePerson(db)
  const token = await makeToken(db, { personId, permissions: ['agents:read'] })
  const thread = threadAt(databaseUrl)
  const asking = thread.ask(asked(token))
  await thread.close()
  expect((await asking).status).toBe(200)
})

dbTest('the broker as it runs in production answers people, and ends with its thread', async ({ db, databaseUrl }) => {
  const { id: personId } = await makePerson(db)
  const token = await makeToken(db, { personId, permissions: ['agents:read'] })
  const broker = await startBrokerProcess({ databaseUrl })
  const { method, headers, text } = asked(token)
  const answer = await fetch(`${broker.url}/mcp/registry`, { method, headers, body: text })
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('"total":0')])
  await broker.stop()
})
