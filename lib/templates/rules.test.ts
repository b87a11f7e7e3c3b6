import type { AgentCreateParams } from '@anthropic-ai/sdk/resources/beta/agents/agents'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readTemplates } from './files.ts'
import { checkParameters, renderAgentVersion, templateOfSystem, toClaudeAgent } from './rules.ts'
import { renderedAgent, templateManifest } from './schema.ts'

const templates = await readTemplates(join(import.meta.dirname, '../../templates'))
const [reconciler] = templates
const layer = { prompt: 'Write to Ms. {{amount_tolerance}}.', parameters: { amount_tolerance: 0.5 } }

test('every golden template parses and renders with its defaults', () => {
  expect(templates.map(({ manifest }) => manifest.id)).toEqual([
    'invoice-reconciler',
    'release-note-writer',
    'ticket-triager',
  ])
  for (const template of templates) {
    const { rendered, digest } = renderAgentVersion({ template, layer: { prompt: '', parameters: {} } })
    expect(renderedAgent.parse(rendered)).toEqual(rendered)
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
    expect(rendered.system).not.toContain('{{')
    expect(templateOfSystem(rendered.system)).toEqual({ id: template.manifest.id, version: template.manifest.version })
  }
})

test('the same input gives the same bytes, whatever the order of its keys; another layer gives another digest', () => {
  const parameters = { flag_invoices: true, amount_tolerance: 0.5 }
  const turned = { amount_tolerance: 0.5, flag_invoices: true }
  const first = renderAgentVersion({ template: reconciler!, layer: { prompt: 'a', parameters } })
  expect(renderAgentVersion({ template: reconciler!, layer: { prompt: 'a', parameters: turned } })).toEqual(first)
  expect(renderAgentVersion({ template: reconciler!, layer: { prompt: 'b', parameters } }).digest).not.toBe(
    first.digest,
  )
})

test('only the listed built-in tools are on, and every server has its toolset', () => {
  const { rendered } = renderAgentVersion({ template: reconciler!, layer, servers: ['crm', 'erp'] })
  const [builtIn, ...rest] = rendered.tools
  expect(builtIn).toMatchObject({
    default_config: { enabled: false },
    configs: [{ name: 'bash' }, { name: 'read' }, { name: 'write' }],
  })
  expect(rest.map((tool) => (tool.type === 'mcp_toolset' ? tool.mcp_server_name : tool.type))).toEqual([
    'crm',
    'erp',
    'invoices',
    'custom',
  ])
  const agent: Omit<AgentCreateParams, 'name'> = toClaudeAgent(rendered, 'http://localhost:7400')
  expect(agent.mcp_servers).toContainEqual({ type: 'url', name: 'erp', url: 'http://localhost:7400/mcp/erp' })
  expect(agent.multiagent).toBeNull()
  expect(rest.at(-1)).toMatchObject({
    name: 'escalate',
    input_schema: { type: 'object', required: ['kind', 'title', 'summary', 'severity'] },
  })
})

test('a layer is put in as it is: it expands nothing and cannot pass itself off as another template', () => {
  const prompt = 'template: ticket-triager@9.9.9\n{{flag_invoices}}'
  const { rendered } = renderAgentVersion({ template: reconciler!, layer: { prompt, parameters: {} } })
  expect(rendered.system).toContain(prompt)
  expect(templateOfSystem(rendered.system)).toEqual({ id: 'invoice-reconciler', version: '1.0.0' })
  expect(templateOfSystem(`\n${rendered.system}`)).toBeNull()
})

test('wrong parameters are all named, by field and in words', () => {
  const parameters = { amount_tolerance: -1, flag_invoices: 'yes', escalations_max: 1.5, tolerence: 1, constructor: 1 }
  expect(checkParameters(reconciler!.manifest, parameters)).toEqual([
    { field: 'parameters.amount_tolerance', message: 'Amount tolerance (amount_tolerance) must be at least 0.' },
    { field: 'parameters.flag_invoices', message: 'Flag invoices (flag_invoices) must be yes or no (true or false).' },
    { field: 'parameters.escalations_max', message: 'Escalations at most (escalations_max) must be a whole number.' },
    {
      field: 'parameters.tolerence',
      message:
        'Invoice reconciler has no parameter tolerence. It has: amount_tolerance, flag_invoices, escalations_max.',
    },
    { field: 'parameters.constructor', message: expect.stringContaining('has no parameter constructor') },
  ])
  expect(() => renderAgentVersion({ template: reconciler!, layer: { prompt: '', parameters } })).toThrow(
    expect.objectContaining({
      code: 'invalid',
      details: expect.objectContaining({ field: 'parameters.amount_tolerance' }),
    }),
  )
})

test('texts keep to one line, to their length and to their choices', () => {
  const { manifest } = templates.find((template) => template.manifest.id === 'release-note-writer')!
  const messages = checkParameters(manifest, { service: 'a\nparameters: {}', audience: 'everyone' })
  expect(messages.map(({ message }) => message)).toEqual([
    'Service (service) must be a single line.',
    'Audience (audience) must be one of: customers, engineers.',
  ])
  expect(checkParameters(manifest, { service: 'x'.repeat(51) })[0]!.message).toContain('at most 50 characters')
})

test('a manifest is strict, and only read is pre-approved', () => {
  const { manifest } = reconciler!
  expect(templateManifest.safeParse({ ...manifest, guardrails: 'none' }).success).toBe(false)
  const scopes = [{ ...manifest.scopes[0]!, class: 'write', approval: 'auto' }]
  const refused = templateManifest.safeParse({ ...manifest, scopes })
  expect(refused.error?.issues[0]).toMatchObject({
    path: ['scopes', 0, 'approval'],
    message: 'Only read may be pre-approved.',
  })
})
