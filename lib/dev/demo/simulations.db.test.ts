import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { dbTest as baseTest } from '#lib/dev/test/db-test.ts'
import { createLog } from '#lib/log/log.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import { syncTemplates } from '#lib/templates/commands.ts'
import { getTemplate } from '#lib/templates/queries.ts'
import type { Simulation } from '#lib/templates/schema.ts'
import { simulation as reconciler } from '../../../templates/invoice-reconciler/simulation.ts'
import { simulation as releaseNotes } from '../../../templates/release-note-writer/simulation.ts'
import { simulation as triager } from '../../../templates/ticket-triager/simulation.ts'
import type { Planted } from './data/invoices-data.ts'
import { type SimulatedRun, simulatedRun } from './testing/simulated-run.ts'
import { startDemo } from './start-demo.ts'

const token = 'test-upstream-credential-0123456789'
const now = new Date('2026-11-22T10:00:00Z')
const planted = JSON.parse(readFileSync(new URL('data/planted.json', import.meta.url), 'utf8')) as Planted[]

type Play = (options: {
  id: string
  simulation: Simulation
  parameters?: Record<string, string | number | boolean>
  denied?: string[]
}) => Promise<SimulatedRun & { workspace: string }>

const dbTest = baseTest
  .extend('folder', { scope: 'file' }, async ({}, { onCleanup }): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-simulations-'))
    onCleanup(() => rm(folder, { recursive: true, force: true }))
    return folder
  })
  .extend('play', { scope: 'file' }, async ({ folder, db, databaseUrl }, { onCleanup }): Promise<Play> => {
    const log = createLog({ process: 'demo', level: 'silent' })
    const demo = await startDemo({ host: '127.0.0.1', port: 0, token, folder, databaseUrl, now: () => now, log })
    onCleanup(() => demo.stop())
    const ctx = { db, actor: systemActor('test'), now }
    await syncTemplates(ctx, { folder: join(import.meta.dirname, '../../../templates') })
    const servers = Object.fromEntries(
      Object.entries(demo.ports).map(([id, port]) => [id, `http://127.0.0.1:${port}/mcp`]),
    )
    return async ({ id, ...options }) => {
      const workspace = await mkdtemp(join(folder, 'workspace-'))
      const template = await getTemplate(ctx, { id })
      return { ...(await simulatedRun({ ...options, template, servers, token, workspace })), workspace }
    }
  })

dbTest('the invoice reconciler finds exactly the planted discrepancies, by running a script', async ({ play }) => {
  const run = await play({ id: 'invoice-reconciler', simulation: reconciler })
  const escalated = run.escalations.map((escalation) => `${escalation.category} ${escalation.subject}`)
  expect(escalated.toSorted()).toEqual(planted.map(({ kind, invoice_id }) => `${kind} ${invoice_id}`).toSorted())
  expect(run.escalations.every((escalation) => escalation.kind === 'finding')).toBe(true)
  expect(run.lastWords).toContain('400 invoices and 404 purchase orders. 388 invoices match.')
  expect(run.calls.filter((call) => call.name === 'bash')).toHaveLength(2)
  expect(run.calls.some((call) => call.name.endsWith('flag_invoice'))).toBe(false)
  const bytes = run.calls.map((call) => JSON.stringify(call.input).length)
  // One argument of execve holds at most 128 KiB on Linux; a sandbox may pass a command that way.
  expect(Math.max(...bytes)).toBeLessThan(120_000)
})

dbTest('with more discrepancies than allowed it escalates by kind', async ({ play }) => {
  const run = await play({ id: 'invoice-reconciler', simulation: reconciler, parameters: { escalations_max: 5 } })
  const categories = run.escalations.map((escalation) => escalation.category)
  expect(categories).toHaveLength(6)
  expect(new Set(categories)).toEqual(new Set(planted.map(({ kind }) => kind)))
})

dbTest('without tolerance the honest rounding is reported too', async ({ play }) => {
  const run = await play({
    id: 'invoice-reconciler',
    simulation: reconciler,
    parameters: { amount_tolerance: 0, escalations_max: 50 },
  })
  expect(run.escalations.length).toBeGreaterThan(planted.length)
})

dbTest('a missing scope is named, escalated once as blocked, and ends the run', async ({ play }) => {
  const denied = ['list_purchase_orders', 'get_purchase_order', 'post_adjustment', 'cancel_purchase_order']
  const run = await play({ id: 'invoice-reconciler', simulation: reconciler, denied })
  expect(run.calls).toContainEqual(expect.objectContaining({ name: 'erp__list_purchase_orders', refused: true }))
  expect(run.escalations).toEqual([expect.objectContaining({ kind: 'blocked', subject: 'erp:read' })])
  expect(run.lastWords).toContain('It needs the scope erp:read')
  expect(run.calls.some((call) => call.name === 'bash')).toBe(false)
})

dbTest('flagging is done when asked for, and its refusal does not hide the result', async ({ play }) => {
  const parameters = { flag_invoices: true }
  const refused = await play({ id: 'invoice-reconciler', simulation: reconciler, parameters, denied: ['flag_invoice'] })
  expect(refused.escalations).toHaveLength(planted.length + 1)
  expect(refused.escalations.at(-1)).toMatchObject({ kind: 'blocked', subject: 'invoices:write' })
  expect(refused.lastWords).toMatch(/388 invoices match[^]*invoices:write is missing/)

  const flagged = await play({ id: 'invoice-reconciler', simulation: reconciler, parameters })
  expect(flagged.lastWords).toContain('12 invoices are flagged.')
})

dbTest('the ticket triager calls a person for p1 first and then writes', async ({ play }) => {
  const proposed = await play({ id: 'ticket-triager', simulation: triager, denied: ['update_ticket'] })
  expect(proposed.lastWords).toContain('These are proposals')
  expect(proposed.escalations.length).toBeGreaterThan(0)
  expect(proposed.escalations.every(({ kind }) => kind === 'urgent')).toBe(true)

  const run = await play({ id: 'ticket-triager', simulation: triager })
  const names = run.calls.map((call) => call.name)
  expect(names.lastIndexOf('escalate')).toBeLessThan(names.indexOf('tickets__update_ticket'))
  expect(run.calls.every((call) => !call.refused)).toBe(true)
  expect(run.lastWords).toContain('Set on 25 tickets.')

  const again = await play({ id: 'ticket-triager', simulation: triager, parameters: { tickets_max: 100 } })
  expect(again.lastWords).toContain('Set on 1 tickets.')
})

dbTest('the triager without the CRM names the scope and ends', async ({ play }) => {
  const run = await play({ id: 'ticket-triager', simulation: triager, denied: ['list_accounts'] })
  expect(run.escalations).toEqual([expect.objectContaining({ kind: 'blocked', subject: 'crm:read' })])
})

dbTest('release notes come from the deploy log, and engineers see more', async ({ play }) => {
  const run = await play({ id: 'release-note-writer', simulation: releaseNotes, parameters: { service: 'ledger' } })
  expect(run.lastWords).toMatch(/^# ledger \d+\.\d+\.\d+ to \d+\.\d+\.\d+\n/)
  expect(run.lastWords).toContain('## Fixed')
  expect(run.lastWords).not.toContain('## Internal')
  expect((await readFile(join(run.workspace, 'release-notes.md'), 'utf8')).trim()).toBe(run.lastWords)

  const engineers = await play({
    id: 'release-note-writer',
    simulation: releaseNotes,
    parameters: { service: 'ledger', audience: 'engineers' },
  })
  expect(engineers.lastWords).toContain('## Internal')
  const none = await play({ id: 'release-note-writer', simulation: releaseNotes, parameters: { service: 'nothing' } })
  expect(none.lastWords).toContain('no production deploy')
})
