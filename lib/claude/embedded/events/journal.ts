import type { Db, Tx } from '#lib/db/client.ts'
import type { EmbSession, Prisma } from '#lib/db/generated/client.ts'
import { notFound } from '../http/errors.ts'
import { newId } from '../ids.ts'
import { toJson } from '../json.ts'
import type { EventBus } from './bus.ts'
import { type Draft, type Internal, type SessionEvent, type StoredEvent, toEvent } from './types.ts'

/** The only way a session changes: its row is locked, events and row are written together, then the events are published in order. */
export type Journal = {
  /** Throws `not_found` when the session does not exist. Calls for one session take turns. */
  write<T>(sessionId: string, work: (writer: Writer) => Promise<T>): Promise<T>
}

export type Writer = {
  readonly tx: Tx
  readonly session: EmbSession
  readonly now: Date
  /** Adds an event, processed from the start unless it is queued. */
  append(draft: Draft, options?: { id?: string; internal?: Internal; queued?: boolean }): SessionEvent
  /** A queued event's turn has come: it moves to the end of the history. */
  process(stored: StoredEvent): void
  setInternal(stored: StoredEvent, internal: Internal): void
  /** Changes the session's row; later values win. */
  set(change: Prisma.EmbSessionUncheckedUpdateInput): void
  /** The history without contents, as it was before this write. */
  outline(): Promise<StoredEvent[]>
}

type Options = {
  db: Db
  bus: EventBus
  now: () => Date
  /** Once true nothing is written any more: the process is being killed. */ dead: () => boolean
}

export function createJournal(options: Options): Journal {
  const turns = new Map<string, Promise<unknown>>()
  return {
    async write(sessionId, work) {
      const before = turns.get(sessionId) ?? Promise.resolve()
      const own = before.then(
        async () => await writeOnce(options, sessionId, work),
        async () => await writeOnce(options, sessionId, work),
      )
      turns.set(sessionId, own)
      try {
        return await own
      } finally {
        if (turns.get(sessionId) === own) turns.delete(sessionId)
      }
    },
  }
}

/** In order of processing; queued events at the place they arrived. */
export async function readEvents(db: Tx, sessionId: string): Promise<StoredEvent[]> {
  return await db.embEvent.findMany({ where: { sessionId }, orderBy: { seq: 'asc' }, select: stored })
}

/** The same without the contents of messages and results, which are most of it: enough to decide what comes next. */
export async function readOutline(db: Tx, sessionId: string): Promise<StoredEvent[]> {
  return await db.$queryRaw<StoredEvent[]>`
    select "id", "seq", "type", "payload" - 'content' as "payload", "internal" - 'content' as "internal", "processedAt"
    from "EmbEvent" where "sessionId" = ${sessionId} order by "seq"`
}

const stored = { id: true, seq: true, type: true, payload: true, internal: true, processedAt: true } as const

async function writeOnce<T>(options: Options, sessionId: string, work: (writer: Writer) => Promise<T>): Promise<T> {
  if (options.dead()) throw new Error('the server has been aborted')
  const { result, published } = await options.db.$transaction(async (tx) => {
    await tx.$queryRaw`select "id" from "EmbSession" where "id" = ${sessionId} for update`
    const session = await tx.embSession.findUnique({ where: { id: sessionId } })
    if (!session) throw notFound('session', sessionId)
    const draft = createDraft(tx, session, options.now())
    const result = await work(draft.writer)
    return { result, published: await draft.flush() }
  })
  for (const event of published) options.bus.publish(sessionId, event)
  return result
}

function createDraft(tx: Tx, session: EmbSession, now: Date) {
  const added: Prisma.EmbEventCreateManyInput[] = []
  const processed: { id: string; seq: number }[] = []
  const arrived = new Map<string, SessionEvent>()
  const published: (() => SessionEvent)[] = []
  const changes: (() => Promise<unknown>)[] = []
  let change: Prisma.EmbSessionUncheckedUpdateInput = {}
  let seq = session.nextSeq

  const writer: Writer = {
    tx,
    session,
    now,
    append(draft, { id = newId('event', now), internal, queued = false } = {}) {
      const { type, ...payload } = draft
      const row = { id, seq, type, payload: toJson(payload), processedAt: queued ? null : now }
      seq += 1
      added.push({ ...row, sessionId: session.id, createdAt: now, ...(internal ? { internal: toJson(internal) } : {}) })
      const event = toEvent(row)
      published.push(() => event)
      return event
    },
    process({ id }) {
      processed.push({ id, seq })
      seq += 1
      published.push(() => arrived.get(id) ?? unreachable(id))
    },
    setInternal(stored, internal) {
      changes.push(
        async () => await tx.embEvent.update({ where: { id: stored.id }, data: { internal: toJson(internal) } }),
      )
    },
    set(next) {
      change = { ...change, ...next }
    },
    outline: async () => await readOutline(tx, session.id),
  }

  async function flush(): Promise<SessionEvent[]> {
    if (added.length > 0) await tx.embEvent.createMany({ data: added })
    for (const { id, seq } of processed) {
      const row = await tx.embEvent.update({ where: { id }, data: { seq, processedAt: now }, select: stored })
      arrived.set(id, toEvent(row))
    }
    for (const apply of changes) await apply()
    if (published.length > 0 || Object.keys(change).length > 0) {
      await tx.embSession.update({ where: { id: session.id }, data: { ...change, nextSeq: seq, updatedAt: now } })
    }
    return published.map((event) => event())
  }

  return { writer, flush }
}

function unreachable(id: string): never {
  throw new Error(`the event ${id} was to be processed but is not there`)
}
