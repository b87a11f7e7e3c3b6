import fc from 'fast-check'
import { type ArgumentCondition, callRatePeriods } from '#lib/registry/schema/conditions.ts'
import { describe, expect, test } from 'vitest'
import { agentStatuses, inheritedGuardrails, tiers, toolClasses } from '#lib/registry/schema.ts'
import { type ManifestFields, scopeKey, sortScopes, writeManifest } from './document.ts'
import { manifestAgentsMax, manifestCharactersMax, parseManifests } from './parse.ts'

const example: ManifestFields = {
  id: 'invoice-reconciler-7',
  name: 'Invoice reconciler 7',
  owner: 'finance-platform-team',
  accountable: 'tessa@example.test',
  purpose: 'match invoices to POs, flag discrepancies',
  tier: 'medium',
  template: 'invoice-reconciler@1.0.0',
  parameters: {},
  prompt: '',
  scopes: [
    { serverId: 'invoices', class: 'read', toolName: null, until: null, conditions: [], rate: null },
    { serverId: 'erp', class: 'read', toolName: null, until: null, conditions: [], rate: null },
  ],
  schedule: null,
  scheduleEnabled: true,
  monthlyBudgetMicros: null,
  status: 'active',
  lastReviewed: '2026-05-30',
  monthlyRuns: 1820,
  escalationRate: 0.04,
}

function problemsOf(text: string) {
  return parseManifests(text).problems
}

describe('writing', () => {
  test('keeps the shape of the registry entry', () => {
    expect(writeManifest(example)).toBe(
      [
        'id: invoice-reconciler-7',
        'name: Invoice reconciler 7',
        'owner: finance-platform-team',
        'accountable: tessa@example.test',
        'purpose: match invoices to POs, flag discrepancies',
        'tier: medium',
        'template: invoice-reconciler@1.0.0',
        'mcp_scopes:',
        '  erp: [read]',
        '  invoices: [read]',
        `guardrails: ${inheritedGuardrails}`,
        'status: active',
        'last_reviewed: 2026-05-30',
        'monthly_runs: 1820',
        'escalation_rate: 0.04',
        '',
      ].join('\n'),
    )
  })

  test.each([
    ' a a a a a a a a a\nb b b b b b b b b b b b\n\n \nc c c c c c c c c c c c c',
    ' \n',
    '\n \n',
    'a\n  \nb\n',
    '\t\n',
  ])('keeps lines of nothing but spaces: %j', (prompt) => {
    const [read] = parseManifests(writeManifest({ ...example, prompt })).manifests
    expect(read?.fields).toMatchObject({ prompt })
  })

  test('leaves out what is measured for files that live in a repository', () => {
    expect(writeManifest(example, { measured: false })).not.toMatch(/monthly_runs|escalation_rate|last_reviewed/)
  })
})

describe('reading', () => {
  test('takes the bare shape of the registry entry', () => {
    const text = [
      'id: invoice-reconciler-7',
      'owner: finance-platform-team',
      'purpose: match invoices to POs, flag discrepancies',
      'mcp_scopes:',
      '  invoices: [read]',
      '  erp: [read]',
      'guardrails: inherited (sandbox, audit, kill-switch)',
      'status: active',
      'last_reviewed: 2026-05-30',
      'monthly_runs: 1820',
      'escalation_rate: 0.04',
    ].join('\n')
    const { manifests, problems } = parseManifests(text)
    expect(problems).toEqual([])
    expect(manifests[0]?.fields).toMatchObject({ owner: 'finance-platform-team', monthlyRuns: 1820 })
    expect(manifests[0]?.places.monthlyRuns).toEqual({ line: 10, column: 1 })
  })

  test.each([
    ['an unknown key', 'id: ab\npurpos: x', 2, 'purpos'],
    ['guardrails that are not inherited', 'id: ab\nguardrails: none', 2, 'inherited'],
    ['a key given twice', 'id: ab\nname: x\nname: y', 3, 'unique'],
    ['no id', '# nothing\nname: x', 2, 'id is missing'],
    ['an id in upper case', 'id: Invoice-7', 1, 'write invoice-7'],
    ['an id that an address of ours hides', 'name: x\nid: apply', 2, '"apply" is taken'],
    ['a wrong tier', 'id: ab\ntier: huge', 2, 'tier'],
    ['a number as text', 'id: ab\nname: 12', 2, 'name'],
    ['a figure as text', 'id: ab\nmonthly_runs: many', 2, 'monthly_runs'],
    ['a scope that is no class', 'id: ab\nmcp_scopes:\n  erp: [read, admin]', 3, 'erp'],
    ['scopes as a list', 'id: ab\nmcp_scopes: [erp]', 2, 'maps each server'],
    ['an unknown key of a scope', 'id: ab\nmcp_scopes:\n  erp:\n    - { class: read, tol: x }', 4, 'erp'],
    ['a budget finer than a micro-dollar', 'id: ab\nmonthly_budget_usd: 1.0000001', 2, 'six decimals'],
    ['broken YAML', 'id: ab\nname: "open', 2, ''],
    ['a document that is a list', '- id: ab', 1, 'mapping'],
    ['an alias', 'id: ab\nname: &n x\npurpose: *n', 2, 'anchors'],
    ['a cycle', 'id: ab\nparameters: &p\n  self: *p', 3, 'anchors'],
    ['an unknown tag', 'id: ab\nname: !!js/function x', 2, ''],
    ['a text with a control character', 'id: ab\nname: "a\\u0000b"', 2, 'control'],
    ['a name that reads backwards', 'id: ab\nname: "a\\u202Eb"', 2, 'control'],
    ['the same id twice', 'id: ab\n---\nid: ab', 3, 'twice'],
    ['nothing', '# only a comment\n', 1, 'no agent'],
  ])('refuses %s with its line', (_, text, line, message) => {
    const [first] = problemsOf(text)
    expect(first).toMatchObject({ line, message: expect.stringContaining(message) })
  })

  test('refuses a file that is too large or nested too deeply, quickly', () => {
    expect(problemsOf('x'.repeat(manifestCharactersMax + 1))[0]?.message).toContain('characters')
    expect(problemsOf(`id: ab\nparameters: ${'['.repeat(20_000)}`).length).toBeGreaterThan(0)
  })

  test('says how many agents a file may hold, and what to do with more', () => {
    const many = (count: number) => Array.from({ length: count }, (_, n) => `id: agent-${n}`).join('\n---\n')
    expect(problemsOf(many(manifestAgentsMax))).toEqual([])
    expect(problemsOf(many(manifestAgentsMax + 1))[0]?.message).toMatch(
      /holds 1001 agents. At most 1000 .*split it at.* a label of its own/,
    )
  })

  test('reads many documents, and ids that are words of other schemas', () => {
    const { manifests, problems } = parseManifests('id: no\n---\nid: "null"\n---\nid: yes\n---\n')
    expect(problems).toEqual([])
    expect(manifests.map(({ id }) => id)).toEqual(['no', 'null', 'yes'])
  })
})

test('any entry survives being written and read, and is written the same again', () => {
  fc.assert(
    fc.property(anyManifest(), (fields) => {
      const text = writeManifest(fields)
      const { manifests, problems } = parseManifests(text)
      expect(problems).toEqual([])
      const read = { ...defaults, ...manifests[0]?.fields } as ManifestFields
      expect(read).toEqual(fields)
      expect(writeManifest(read)).toBe(text)
    }),
    { numRuns: 150 },
  )
}, 30_000)

test('any text is read or refused with a line inside of it', () => {
  const property = fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
    const lines = text.split(/\r\n|\n/).length
    return problemsOf(text).every(({ line, column }) => line >= 1 && column >= 1 && line <= lines + 1)
  })
  expect(() => fc.assert(property, { numRuns: 500 })).not.toThrow()
})

const defaults = {
  parameters: {},
  prompt: '',
  schedule: null,
  scheduleEnabled: true,
  monthlyBudgetMicros: null,
}

function anyManifest(): fc.Arbitrary<ManifestFields> {
  const id = fc.stringMatching(/^[a-z][a-z0-9]{1,10}$/)
  const printable = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu
  const line = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 40 })
    .map((text) => text.replace(printable, '').trim() || 'x')
  const lines = fc
    .array(
      fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replace(/[\p{Cc}\p{Cs}]/gu, ' ')),
      { maxLength: 6 },
    )
    .map((parts) => parts.join('\n'))
  const scope = fc.record({
    serverId: id,
    class: fc.constantFrom(...toolClasses),
    toolName: fc.option(line),
    until: fc.option(
      fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }).map((at) => at.toISOString()),
    ),
    conditions: fc.array(anyCondition(line), { maxLength: 3 }),
    rate: fc.option(
      fc.record({ calls: fc.integer({ min: 1, max: 10_000 }), per: fc.constantFrom(...callRatePeriods) }),
    ),
  })
  const value = fc.oneof(
    lines,
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
  )
  return fc
    .record({
      id,
      name: line,
      owner: line,
      accountable: line,
      purpose: line,
      tier: fc.constantFrom(...tiers),
      template: id.map((name) => `${name}@1.2.3`),
      parameters: fc.dictionary(id, value, { maxKeys: 4 }).map((values) => ({ ...values })),
      prompt: lines,
      scopes: fc.uniqueArray(scope, { selector: scopeKey, maxLength: 5 }).map(sortScopes),
      schedule: fc.option(fc.constantFrom('0 6 * * *', '*/5 * * * 1-5')),
      scheduleEnabled: fc.boolean(),
      monthlyBudgetMicros: fc.option(fc.bigInt({ min: 0n, max: 999_999_999_999_999n })),
      status: fc.constantFrom(...agentStatuses),
      lastReviewed: fc.option(fc.constantFrom('2026-05-30', '1999-12-31')),
      monthlyRuns: fc.nat(),
      escalationRate: fc.option(fc.integer({ min: 0, max: 10_000 }).map((rate) => rate / 10_000)),
    })
    .map((fields) => (fields.schedule === null ? { ...fields, scheduleEnabled: true } : fields))
}

function anyCondition(line: fc.Arbitrary<string>): fc.Arbitrary<ArgumentCondition> {
  const pointer = fc.constantFrom('/amount', '/lines/*/account', '/a~1b/~0c', '/')
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0))
  const scalar = fc.oneof(line, fc.boolean(), number, fc.constant(null), fc.constantFrom('', ' x ', '12', 'true', '~'))
  return fc.oneof(
    fc.record({ pointer, equals: scalar }),
    fc.record({ pointer, in: fc.array(scalar, { minLength: 1, maxLength: 4 }) }),
    fc.record({ pointer, prefix: line }),
    fc.record({ pointer, range: fc.record({ min: number }) }),
    fc.record({ pointer, regex: fc.constantFrom('^INV-[0-9]+$', '[a-z]*', '\\d{4}') }),
  )
}
