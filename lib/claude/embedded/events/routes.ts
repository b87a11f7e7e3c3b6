import { z } from 'zod'
import type { Db } from '#lib/db/client.ts'
import { decodeCursor, encodeCursor, pageQuery, parse, timestamp } from '../http/query.ts'
import { type Call, jsonRoutes, param, type Route } from '../http/router.ts'
import type { Supervisor } from '../loop/supervisor.ts'
import { checkReach } from '../sessions/routes.ts'
import { findSession } from '../sessions/store.ts'
import type { EventBus } from './bus.ts'
import type { Journal } from './journal.ts'
import { sendEventsBody } from './schema.ts'
import { sendEvents } from './send.ts'
import { readDeltas, streamEvents } from './stream.ts'
import { toEvent } from './types.ts'

const listQuery = z.object({
  ...pageQuery(1000, 1000),
  order: z.enum(['asc', 'desc']).default('asc'),
  types: z.array(z.string()).optional(),
  'created_at[gt]': timestamp.optional(),
  'created_at[gte]': timestamp.optional(),
  'created_at[lt]': timestamp.optional(),
  'created_at[lte]': timestamp.optional(),
})
const cursor = z.strictObject({ s: z.int() })

type Options = { db: Db; bus: EventBus; journal: Journal; supervisor: Pick<Supervisor, 'wake' | 'cut'> }

export function eventRoutes(options: Options): Route[] {
  const { db, bus } = options
  const allow = ['api', 'environment', 'item'] as const
  return [
    ...jsonRoutes(allow, [
      ['GET', '/v1/sessions/:session/events', async (call) => await list(db, call)],
      ['POST', '/v1/sessions/:session/events', async (call) => await send(options, call)],
    ]),
    {
      method: 'GET',
      path: '/v1/sessions/:session/events/stream',
      allow,
      handle: async (call) => {
        await checkReach(db, call)
        const { id: sessionId } = await findSession(db, param(call, 'session'))
        const deltas = readDeltas(call.query)
        return { stream: async (response) => await streamEvents(response, { db, bus, sessionId, deltas }) }
      },
    },
  ]
}

async function send({ db, journal, supervisor }: Options, call: Call) {
  await checkReach(db, call)
  const id = param(call, 'session')
  const { events: inputs } = parse(sendEventsBody, call.body)
  const sent = await sendEvents(journal, id, { inputs, principal: call.principal })
  if (sent.interrupts) supervisor.cut(id)
  else supervisor.wake(id)
  return { data: sent.events }
}

async function list(db: Db, call: Call) {
  await checkReach(db, call)
  const { id: sessionId } = await findSession(db, param(call, 'session'))
  const query = parse(listQuery, call.query)
  const { order, limit } = query
  const from = query.page === undefined ? null : decodeCursor(cursor, query.page).s
  const processedAt = {
    ...(query['created_at[gt]'] ? { gt: query['created_at[gt]'] } : {}),
    ...(query['created_at[gte]'] ? { gte: query['created_at[gte]'] } : {}),
    ...(query['created_at[lt]'] ? { lt: query['created_at[lt]'] } : {}),
    ...(query['created_at[lte]'] ? { lte: query['created_at[lte]'] } : {}),
  }
  const rows = await db.embEvent.findMany({
    where: {
      sessionId,
      ...(from === null ? {} : { seq: order === 'asc' ? { gt: from } : { lt: from } }),
      ...(query.types ? { type: { in: query.types } } : {}),
      ...(Object.keys(processedAt).length > 0 ? { processedAt } : {}),
    },
    orderBy: { seq: order },
    take: limit + 1,
    select: { id: true, seq: true, type: true, payload: true, processedAt: true },
  })
  const data = rows.slice(0, limit)
  const last = data.at(-1)
  return {
    data: data.map(toEvent),
    next_page: last && rows.length > limit ? encodeCursor({ s: last.seq }) : null,
  }
}
