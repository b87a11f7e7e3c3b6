import { expect, test } from 'vitest'
import { type ChangeableServer, differingFrom, followsOf } from './server-change.ts'

const server: ChangeableServer = {
  id: 'erp',
  name: 'ERP',
  description: '',
  transport: 'http',
  url: 'https://erp.example.com/mcp',
  command: null,
  packageFetch: null,
  environment: 'staging',
  sensitivity: 'confidential',
  dataClasses: [],
  demo: false,
  credentialsOf: ['the server', 'Finance'],
  proposed: [],
}

test('what is lower is said to wait, what is higher to count at once, and what waited to end', () => {
  const change = { environment: 'development', sensitivity: 'restricted' } as const
  expect(followsOf(server, change)).toEqual([
    'A lower environment is proposed only: staging counts until somebody else confirms development.',
    'The sensitivity restricted counts at once: rules and policies that ask about it choose by it.',
  ])
  const proposed = [{ what: 'environment', after: 'development' }]
  expect(followsOf({ ...server, proposed }, { environment: 'staging' })).toEqual([
    'The proposal that its environment be development ends.',
  ])
  expect(followsOf({ ...server, proposed }, { environment: 'development' })).toHaveLength(1)
})

test('another origin or program is said to lose the credentials, another path to keep them', () => {
  expect(followsOf(server, { url: 'https://erp.example.com/v2' }).join(' ')).not.toContain('removed')
  for (const change of [{ url: 'https://erp.example.net/mcp' }, { command: { command: 'erp', args: [], env: [] } }]) {
    expect(followsOf({ ...server, demo: true }, change)).toEqual([
      expect.stringContaining('The credentials of the server, Finance are removed'),
      'It is no demo server any more.',
      expect.stringContaining('waits for its review'),
    ])
  }
  expect(followsOf(server, { name: 'Ledger', url: server.url })).toEqual([])
})

test('only what differs is sent', () => {
  expect(differingFrom(server, { name: 'ERP', url: server.url, environment: 'production' })).toEqual({
    environment: 'production',
  })
})
