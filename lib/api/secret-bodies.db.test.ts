import { randomBytes, randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import { expect } from 'vitest'
import { permissions as allPermissions, roles } from '#lib/auth/permissions.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { createLog } from '#lib/log/log.ts'

const test = dbTest.extend('asked', { scope: 'file' }, async ({ db, database }) => {
  const portal = await openApiPortal(database)
  const lines: string[] = []
  const destination = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  const { wheelhousePortal: parts } = globalThis as unknown as { wheelhousePortal: object }
  Object.assign(parts, { log: createLog({ process: 'portal', level: 'trace', destination }) })
  await makeServer(db, { id: 'erp' })
  const person = await makePerson(db, { roles })
  const token = await makeToken(db, { personId: person.id, permissions: allPermissions })
  const put = async (text: string, key = randomUUID()) => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key }
    const sent = { method: 'PUT', token, text, headers }
    const response = await portal.fetch('/api/v1/servers/erp/credential', sent)
    return { status: response.status, text: (await response.text()) + JSON.stringify([...response.headers]) }
  }
  return { put, lines }
})

const secret = `canary-${randomBytes(12).toString('hex')}`
const bodies: [string, number, string][] = [
  ['taken', 204, JSON.stringify({ kind: 'bearer', secret })],
  ['of a kind that is none', 422, JSON.stringify({ kind: secret, secret })],
  ['without what belongs to its kind', 422, JSON.stringify({ kind: 'basic', secret })],
  ['with too much in it', 422, JSON.stringify({ kind: 'bearer', secret, extra: secret, password: secret })],
  ['with a secret that is no line', 422, JSON.stringify({ kind: 'bearer', secret: `${secret}\n${secret}` })],
  ['with a secret that is no text', 422, JSON.stringify({ kind: 'bearer', secret: [secret] })],
  ['with a key that is none', 422, JSON.stringify({ kind: 'mtls', certificate: secret, privateKey: secret })],
  ['with an issuer that is none', 422, JSON.stringify({ kind: 'oauth_client', issuer: secret, clientSecret: secret })],
  ['that is no object', 422, JSON.stringify(secret)],
  ['that breaks off', 422, `{"kind":"bearer","secret":"${secret}`],
  ['that is no JSON', 422, secret],
]

test.for(bodies)(
  'a body with a secret %s shows it in no answer, no log and no record of its key',
  async ([, status, body], { db, asked }) => {
    const key = randomUUID()
    const answers = [await asked.put(body, key), await asked.put(body, key)]
    // The same key with another body is refused, too.
    answers.push(await asked.put(JSON.stringify({ kind: 'bearer', secret: `${secret}-other` }), key))
    expect(answers[0]?.status).toBe(status)
    expect(asked.lines.length).toBeGreaterThan(0)
    const rows = await db.$queryRaw<{ text: string }[]>`
    select to_jsonb(r)::text as "text" from "IdempotentRequest" r union all select to_jsonb(a)::text from "AuditEvent" a`
    const shown = { answers: answers.map(({ text }) => text), log: asked.lines, rows: rows.map(({ text }) => text) }
    for (const [place, texts] of Object.entries(shown))
      expect({ place, found: texts.filter((text) => text.includes(secret)) }).toEqual({ place, found: [] })
  },
)
