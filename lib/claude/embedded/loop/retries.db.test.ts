import { createServer, type Server } from 'node:http'
import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { createModelServer } from '../model/server.ts'
import { idleFor, listen, log, only, say, startSession, startWorld, until } from '../testing/world.ts'

/** A model endpoint that fails as the real one does, then works. */
async function flaky(...statuses: number[]): Promise<{ url: string; server: Server; requests: () => number }> {
  const working = createModelServer({ scriptOf: () => ({ next: () => ({ text: 'At last.' }) }), log, latencyMs: 0 })
  let requests = 0
  const types: Record<number, string> = {
    429: 'rate_limit_error',
    529: 'overloaded_error',
    400: 'invalid_request_error',
  }
  const server = createServer((request, response) => {
    requests += 1
    const status = statuses.shift()
    if (status === undefined) return void working.emit('request', request, response)
    const error = { type: types[status] ?? 'api_error', message: `failed with ${status}` }
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ type: 'error', error, request_id: null }))
  })
  return { url: await listen(server), server, requests: () => requests }
}

dbTest('passing failures of the model are retried by themselves, each told', async ({ db }) => {
  const model = await flaky(429, 500, 529)
  const world = await startWorld(db, { modelUrl: model.url })
  const session = await startSession(world.client)
  await say(world.client, session.id, 'go')
  const events = await until(world.client, session.id, idleFor('end_turn'))
  expect(only(events, 'session.error').map(({ error }) => [error.type, error.retry_status.type])).toEqual([
    ['model_rate_limited_error', 'retrying'],
    ['model_request_failed_error', 'retrying'],
    ['model_overloaded_error', 'retrying'],
  ])
  expect(only(events, 'session.status_rescheduled')).toHaveLength(3)
  expect(only(events, 'span.model_request_end').map((event) => event.is_error)).toEqual([true, true, true, false])
  expect(only(events, 'agent.message')[0]?.content).toEqual([{ type: 'text', text: 'At last.' }])
  await world.stop()
  model.server.close()
})

dbTest('a model that keeps failing ends the turn; the next message starts a new one', async ({ db }) => {
  const model = await flaky(500, 500, 500)
  const world = await startWorld(db, { modelUrl: model.url, limits: { attemptsMax: 3, backoffMs: 5 } })
  const session = await startSession(world.client)
  await say(world.client, session.id, 'go')
  const events = await until(world.client, session.id, idleFor('retries_exhausted'))
  expect(only(events, 'session.error').at(-1)?.error.retry_status.type).toBe('exhausted')
  await say(world.client, session.id, 'again')
  await until(world.client, session.id, idleFor('end_turn'))
  expect(model.requests()).toBe(4)
  await world.stop()
  model.server.close()
})

dbTest('a request the model refuses is not sent again', async ({ db }) => {
  const model = await flaky(400)
  const world = await startWorld(db, { modelUrl: model.url })
  const session = await startSession(world.client)
  await say(world.client, session.id, 'go')
  const events = await until(world.client, session.id, idleFor('retries_exhausted'))
  expect(only(events, 'session.error').map(({ error }) => [error.type, error.message])).toEqual([
    ['model_request_failed_error', 'failed with 400'],
  ])
  expect(model.requests()).toBe(1)
  await world.stop()
  model.server.close()
})

dbTest('a loop that does not end is ended', async ({ db }) => {
  const world = await startWorld(db, { limits: { roundsMax: 3 } })
  world.script.current = () => ({ toolCalls: [{ name: 'nothing', input: {} }] })
  const session = await startSession(world.client)
  await say(world.client, session.id, 'go')
  const events = await until(world.client, session.id, idleFor('retries_exhausted'))
  expect(only(events, 'span.model_request_start')).toHaveLength(3)
  expect(only(events, 'session.error')[0]?.error.type).toBe('tool_use_limit_reached_error')
  await world.stop()
})
