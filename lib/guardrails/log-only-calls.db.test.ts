import { expect } from 'vitest'
import { Prisma } from '#lib/db/generated/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { recordCalls, situationFor } from '#lib/dev/test/recorded-calls.ts'
import { listLogOnlyCalls, trialReports } from './queries.ts'
import { logOnlyCallsSql } from './queries/log-only-calls.ts'
import { replayCallsQuery } from './schema/replays.ts'

const from = new Date('2026-11-22T10:00:00Z')
const later = (seconds: number) => new Date(from.getTime() + seconds * 1000)
const version = 'tried'

dbTest(
  'every live call that a set would have decided otherwise is listed once, newest first, by an index',
  async ({ db }) => {
    const who = {
      createdByName: 'Test',
      changedByName: 'Test',
      origin: 'person',
      schemaText: '',
      words: [],
      note: 'T.',
    }
    await db.policySet.create({
      data: { number: 900, state: 'log_only', version, policies: [], logOnlyAt: from, ...who },
    })
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), later(900))
    const blocked = { version, rule: 'policy_strict' } as const
    // The log is of others, mostly.
    for (let at = 0; at < 40; at += 1) {
      await recordCalls(db, { facts: situationFor(`other-${at}`), calls: 100, at: later(1 + at) })
    }
    for (let at = 0; at < 12; at += 1) {
      const facts = situationFor(at % 3 === 0 ? 'rare' : 'often')
      await recordCalls(db, { facts, calls: 2, at: later(100 + at), candidate: blocked })
    }
    const facts = situationFor('rare')
    await recordCalls(db, { facts, at: later(200), rule: 'policy_then', candidate: { version, rule: null } })
    // No difference of this text: another version, before it was log-only, and what could not be asked.
    await recordCalls(db, { facts, at: later(201), candidate: { version: 'earlier', rule: 'policy_strict' } })
    await recordCalls(db, { facts, at: later(-3600), candidate: blocked })
    await recordCalls(db, { facts, at: later(202), candidate: { version, rule: null, unread: true } })

    const walk = async (query: object) => {
      const found: string[] = []
      let cursor: string | undefined
      do {
        const page = await listLogOnlyCalls(security, { number: 900, limit: 7, ...query, cursor })
        found.push(...page.items.map(({ agentId, seq }) => `${agentId} ${seq}`))
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      return found
    }
    const all = await walk({})
    expect(new Set(all).size).toBe(24)
    const seqs = all.map((each) => Number(each.split(' ')[1]))
    expect(seqs).toEqual(seqs.toSorted((a, b) => b - a))
    expect(await walk({ agent: 'rare' })).toEqual(all.filter((each) => each.startsWith('rare')))
    expect(await walk({ agent: 'rare', server: 'erp', tool: 'get_order', rule: 'policy_strict' })).toHaveLength(8)
    expect(await walk({ rule: 'policy_then' })).toEqual([])
    expect(await walk({ tool: 'other' })).toEqual([])
    expect(await walk({ kind: 'permitted', rule: 'policy_then' })).toHaveLength(1)

    // The report's numbers are those of the lists they lead to.
    const { logOnly } = await trialReports(security, 900)
    for (const { kind, agentId, serverId, tool, rule, calls } of logOnly!.rows) {
      expect(await walk({ kind, agent: agentId, server: serverId, tool, rule })).toHaveLength(calls)
    }

    await db.$executeRaw`analyze "AuditEvent"`
    const planOf = async (query: object) => {
      const sql = logOnlyCallsSql({ version, from }, replayCallsQuery.parse(query))
      const rows = await db.$queryRaw<{ 'QUERY PLAN': string }[]>(Prisma.sql`explain ${sql}`)
      return rows.map((row) => row['QUERY PLAN']).join('\n')
    }
    for (const query of [{}, { agent: 'rare' }, { kind: 'permitted', tool: 'get_order' }, { cursor: '1000000' }]) {
      const plan = await planOf(query)
      expect(plan).toMatch(/using "AuditEvent_candidate(_agent)?" on "AuditEvent" e|on "AuditEvent_candidate(_agent)?"/)
      expect(plan).not.toContain('Seq Scan')
    }
  },
)
