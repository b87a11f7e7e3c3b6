import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { systemActor } from '#lib/auth/ctx.ts'
import { parseExactly } from '#lib/core/exact-json.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { encryptionKey } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { HandoverRows } from './handover-rows.ts'

dbTest('numbers of a reply and of answers are handed over to the digit', async ({ db }) => {
  const ctx = () => ({ db, actor: systemActor('broker'), now: new Date() })
  const rows = new HandoverRows({ ctx, box: createSecretBox(encryptionKey) })
  const content = '{"id":9007199254740993,"huge":1e400}'
  const callId = randomUUID()
  const id = await rows.open({ callId, agentId: 'agent', answers: { one: parseExactly(content) }, ms: 60_000 })
  const [taken] = await rows.take([callId])
  expect(JSON.stringify(taken?.answers)).toBe(`{"one":${content}}`)
  await rows.finish(id, { reply: { ok: true, result: { structuredContent: parseExactly(content) } } })
  const [state] = await rows.states([id])
  expect(JSON.stringify(state?.outcome)).toContain(`{"structuredContent":${content}}`)
})
