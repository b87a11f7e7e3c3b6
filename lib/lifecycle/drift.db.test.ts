import { expect } from 'vitest'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { makeActiveAgent } from '#lib/dev/test/lifecycle.ts'
import { makeTemplate } from '#lib/dev/test/registry.ts'
import { changeAgentLogic } from './commands.ts'
import { templateDrift } from './queries.ts'

const now = new Date('2026-11-22T10:00:00Z')

dbTest('an agent is told how far it is behind its template, and what moving would change', async ({ db }) => {
  const { id, builder, template, reads, writes } = await makeActiveAgent(db, now)
  const ctx = ctxFor(db, builder, now)
  const scope = { required: true, reason: 'to do its work' }
  const scopes = [
    { ...scope, server: reads, class: 'read', approval: 'auto' },
    { ...scope, server: writes, class: 'write', approval: 'request' },
  ] as const
  const publish = (version: string, more: { changelog?: string; parameter?: string } = {}) =>
    makeTemplate(db, { id: template.id, version, scopes: [...scopes], ...more })
  expect(await templateDrift(ctx, id)).toEqual({
    agentId: id,
    template: { id: template.id, name: `Template ${template.id}` },
    current: '1.0.0',
    newest: '1.0.0',
    behind: 'none',
    versions: [],
    diff: [],
    problem: null,
  })

  await publish('1.0.1')
  await publish('1.10.0', { changelog: '## 1.10.0\nAsks first.\n\n## 1.0.1\nMended.\n' })
  const behind = await templateDrift(ctx, id)
  expect(behind).toMatchObject({ current: '1.0.0', newest: '1.10.0', behind: 'minor', problem: null })
  expect(behind.versions.map(({ version, changes }) => [version, changes])).toEqual([
    ['1.10.0', 'Asks first.'],
    ['1.0.1', 'Mended.'],
  ])
  // The prompt says its version twice; nothing else of what Claude is given is different.
  expect(behind.diff?.filter((line) => /^[-+]/.test(line))).toEqual([
    `- template: ${template.id}@1.0.0`,
    `+ template: ${template.id}@1.10.0`,
    `- You are ${template.id} 1.0.0. Currency EUR.`,
    `+ You are ${template.id} 1.10.0. Currency EUR.`,
  ])

  await changeAgentLogic(ctx, { agentId: id, layer: { prompt: '', parameters: {} }, templateVersion: '1.10.0' })
  expect(await templateDrift(ctx, id)).toMatchObject({ current: '1.10.0', behind: 'none', versions: [], diff: [] })
})

dbTest('where the layer does not fit the newest version it is said why', async ({ db }) => {
  const { id, builder, template, reads } = await makeActiveAgent(db, now)
  const ctx = ctxFor(db, builder, now)
  await changeAgentLogic(ctx, { agentId: id, layer: { prompt: '', parameters: { currency: 'USD' } } })
  const scope = { server: reads, class: 'read', approval: 'auto', required: true, reason: 'to read' } as const
  await makeTemplate(db, { id: template.id, version: '2.0.0', parameter: 'money', scopes: [scope] })
  expect(await templateDrift(ctx, id)).toMatchObject({
    behind: 'major',
    versions: [{ version: '2.0.0', changes: '' }],
    diff: null,
    problem: expect.stringContaining('has no parameter currency'),
  })
})

dbTest('only for whoever may see agents, and only of one that is there', async ({ db }) => {
  const { id, builder } = await makeActiveAgent(db, now)
  await expect(templateDrift(ctxFor(db, { kind: 'agent', id, name: id }, now), id)).rejects.toMatchObject({
    code: 'forbidden',
  })
  await expect(templateDrift(ctxFor(db, builder, now), 'nobody')).rejects.toMatchObject({ code: 'not_found' })
})
