import { describe, expect, test } from 'vitest'
import type { AccessGrant } from '#lib/registry/schema.ts'
import type { ScopeTerms } from '../schema.ts'
import { blastRadiusText, reachOf, termDifferences } from './reach.ts'

const terms: ScopeTerms = { class: 'write', toolNames: [], days: 30, conditions: [], rate: null }
const wide = { ...terms, conditions: [] }
const expiresAt = new Date('2026-12-22T10:00:00Z')
const tools = [
  { name: 'change', class: 'write', description: 'Changes one.' },
  { name: 'look', class: 'read', description: 'Looks.' },
] as const
const server = {
  name: 'ERP',
  environment: 'production',
  sensitivity: 'restricted',
  dataClasses: ['personal', 'source_code'],
}

function holding(grant: Partial<AccessGrant>): AccessGrant {
  const about = { serverId: 'erp', serverName: 'ERP', environment: 'production', sensitivity: 'restricted' } as const
  const rest = { reason: '', via: 'request', requestId: null, createdAt: '2026-11-01T00:00:00.000Z', id: 'g' }
  const scope = { class: 'read', toolName: null, conditions: [], rate: null, expiresAt: null, tools: ['look'] } as const
  return { ...about, ...rest, ...scope, conditions: [], tools: ['look'], unreached: [], ...grant }
}
const changes = (grants: AccessGrant[], wanted = wide) =>
  reachOf(tools, { holds: grants, terms: wanted, expiresAt }).map(({ name, change }) => `${name} ${change}`)

describe('what changes for each tool', () => {
  test('what cannot be called is new, what can be called for as long is not', () => {
    expect(changes([])).toEqual(['change new', 'look new'])
    expect(changes([holding({})])).toEqual(['change new', 'look none'])
    expect(changes([holding({ class: 'write', tools: ['change', 'look'] })])).toEqual(['change none', 'look none'])
  })

  test('limits that fall away and an end that moves are said', () => {
    const limited = holding({ conditions: [{ pointer: '/amount', range: { max: 10 } }] })
    expect(changes([limited])).toEqual(['change new', 'look freer'])
    expect(changes([holding({ expiresAt: '2026-12-01T00:00:00.000Z' })])).toEqual(['change new', 'look longer'])
    const [, look] = reachOf(tools, { holds: [limited], terms: wide, expiresAt })
    expect(look).toMatchObject({
      before: ['only when /amount is at most 10, until revoked'],
      after: 'freely, until 2026-12-22',
    })
  })
})

describe('the blast radius in words', () => {
  const sentence = (grants: AccessGrant[]) =>
    blastRadiusText(reachOf(tools, { holds: grants, terms: wide, expiresAt }), { agent: 'Scribe', server })
  const data = 'restricted data (personal, source code) on ERP, in production'

  test('says what could be done, to which data, and where', () => {
    expect(sentence([])).toBe(`Scribe could newly change and read ${data}, with 1 write tool and 1 read tool.`)
    expect(sentence([holding({})])).toBe(`Scribe could newly change ${data}, with 1 write tool.`)
    expect(sentence([holding({ class: 'write', tools: ['change', 'look'] })])).toBe(
      'Scribe can call all of this already: nothing changes.',
    )
    const limited = { conditions: [{ pointer: '/amount', range: { max: 10 } }], tools: ['change', 'look'] }
    expect(sentence([holding({ class: 'write', ...limited })])).toBe(
      `Scribe could call 2 tools more freely than now, over ${data}.`,
    )
    const soon = { expiresAt: '2026-12-01T00:00:00.000Z', tools: ['change', 'look'] }
    expect(sentence([holding({ class: 'write', ...soon })])).toBe(
      `Scribe could call 2 tools for longer than now, over ${data}.`,
    )
  })
})

test('what was granted is compared with what was asked, in words', () => {
  expect(termDifferences(wide, wide)).toEqual([])
  expect(termDifferences({ ...wide, days: null }, { ...wide, class: 'read', toolNames: ['look'], days: 1 })).toEqual([
    { field: 'class', asked: 'write', granted: 'read' },
    { field: 'tools', asked: 'every tool of the class', granted: 'look' },
    { field: 'days', asked: 'until revoked', granted: '1 day' },
  ])
})
