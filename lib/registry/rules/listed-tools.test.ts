import { expect, test } from 'vitest'
import { readListedTools } from './listed-tools.ts'

const tool = { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true }, vendor: { kept: 1 } }

test('each that is no tool is left out with why, and what the others say is kept whole', () => {
  const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) })
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, {}]))
  const odd = [
    ['word', 'It is no object.'],
    [null, 'It is no object.'],
    [[tool], 'It is no object.'],
    [{ inputSchema: {} }, 'It has no name.'],
    [{ ...tool, name: '' }, 'It has no name.'],
    [{ ...tool, name: 'n'.repeat(201) }, 'Its name has more than 200 characters.'],
    [{ ...tool, name: 'a\0' }, 'Its name has characters that cannot be kept.'],
    [{ ...tool, name: 'a', title: null }, 'Its title is no text.'],
    [{ ...tool, name: 'a', description: 5 }, 'Its description is no text.'],
    [{ name: 'a' }, 'Its inputSchema is no object.'],
    [{ ...tool, name: 'a', inputSchema: [] }, 'Its inputSchema is no object.'],
    [{ ...tool, name: 'a', annotations: 'none' }, 'Its annotations are no object.'],
    [{ ...tool, name: 'a', inputSchema: nested(200) }, 'It is nested more than 200 levels deep.'],
    [JSON.parse('{"name":"a","inputSchema":{"maximum":1e400}}'), 'It has a number that is too large to be kept.'],
    [{ ...tool, name: 'a', inputSchema: { properties: many(60_000) } }, 'It has more than 5000 values.'],
    [{ ...tool, name: 'a', inputSchema: { enum: Array(5000).fill(0) } }, 'It has more than 5000 values.'],
    [{ ...tool, name: 'a', description: 'a'.repeat(100_001) }, 'It is longer than 100000 characters.'],
    [{ ...tool, name: 'a', inputSchema: { ['a'.repeat(100_001)]: 0 } }, 'It is longer than 100000 characters.'],
  ] as const
  for (const [item, reason] of odd) {
    expect(readListedTools([item, tool])).toMatchObject({ tools: [tool], leftOut: [{ reason }], leftOutTotal: 1 })
  }
  const { tools, leftOut, leftOutTotal } = readListedTools([...odd.map(([item]) => item), tool])
  expect(tools).toEqual([tool])
  expect(new Set(leftOut.map(({ reason }) => reason))).toEqual(new Set(odd.map(([, reason]) => reason)))
  expect(leftOutTotal).toBe(odd.length)
  const long = { ...tool, description: 'a'.repeat(99_900), inputSchema: { enum: Array(4990).fill(0) } }
  for (const one of [{ ...tool, inputSchema: nested(199) }, long]) expect(readListedTools([one]).leftOut).toEqual([])
})

test('a name is cut where it is too long, and is text that can be kept', () => {
  const names = readListedTools([
    { name: `${'n'.repeat(198)}😀${'n'.repeat(1000)}` },
    { name: 'half\ud800' },
    { name: 7 },
    {},
  ]).leftOut.map(({ name }) => name)
  expect(names).toEqual([`${'n'.repeat(198)}\ufffd…`, 'half\ufffd', '(no name)'])
})

test('of two with one name the first counts, and one that a client refuses does not', () => {
  const other = { ...tool, annotations: { destructiveHint: true } }
  const inputSchema = { type: 'object', properties: { id: { type: 'object', 'x-mcp-header': 'Id' } } }
  expect(readListedTools([{ ...tool, name: 'unsound', inputSchema }, tool, other])).toEqual({
    tools: [tool],
    leftOutTotal: 2,
    leftOut: [
      { name: 'unsound', reason: 'The headers it declares for its arguments (x-mcp-header) cannot be sent.' },
      { name: 'look', reason: 'It is listed more than once: the first one counts.' },
    ],
  })
})

test('the first fifty that are no tools are kept, each once, and all are counted', () => {
  const bare = Array.from({ length: 60 }, (_, index) => ({ name: `bare ${index}` }))
  const { leftOut, leftOutTotal } = readListedTools([0, 0, ...bare, tool, bare[0], 0])
  expect(leftOut.map(({ name }) => name)).toEqual(['(no name)', ...bare.slice(0, 49).map(({ name }) => name)])
  expect(leftOutTotal).toBe(64)
})
