import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { mentionOf, ToolNames } from './other-tools.ts'

const names = [
  'search',
  'list_invoices',
  'list_invoices_of',
  'Get.Thing',
  'getAll',
  'größe',
  '一覧',
  '.hidden',
  'a/b c',
  'ſend',
  'İ_x',
  'ẞ-mark',
  '-',
]

test('a text mentions exactly the names whose pattern it matches, in any case and between any characters', () => {
  const known = new ToolNames(names).except('none')
  const piece = fc.oneof(
    fc.constantFrom(...names),
    fc.constantFrom(...names).map((name) => name.toUpperCase()),
    fc.constantFrom('`', '"', '(', ' tool', ' ', '-', '_', 'é', 'K', 'S', 'ß', '\ud800'),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('')
      expect(known.mentionedIn(text)).toEqual(names.filter((name) => mentionOf(name).test(text)))
    }),
    { numRuns: 2000 },
  )
})

test('no two characters that a pattern without case takes for one another are told apart', () => {
  const missed: string[] = []
  for (let point = 0x80; point <= 0x1_ffff; point += 1) {
    if (point >= 0xd800 && point <= 0xdfff) continue
    const character = String.fromCodePoint(point)
    if (character.toUpperCase() === character && character.toLowerCase() === character) continue
    for (const other of new Set([character.toUpperCase(), character.toLowerCase(), 's', 'k', 'ß', 'ẞ', 'ω', 'å'])) {
      const name = `${other}_x`
      const text = `${character}_x`
      if (mentionOf(name).test(text) && new ToolNames([name]).except('').mentionedIn(text).length === 0)
        missed.push(text)
    }
  }
  expect(missed).toEqual([])
})

test('a text is tried against the names that stand in it, however many there are', () => {
  const many = new ToolNames(Array.from({ length: 5000 }, (_, index) => `get_entry_${index}`)).except('get_entry_7')
  const tried = vi.spyOn(RegExp.prototype, 'test')
  const found = many.mentionedIn('Call get_entry_4321 after get_entry_7, never get_entries.')
  // `get_entry_4`, `get_entry_43` and `get_entry_432` stand in it too, as parts of a longer name.
  expect([found, tried.mock.calls.length <= 12]).toEqual([['get_entry_4321'], true])
  tried.mockRestore()
})

test('of many names that read alike a tool is told the first', () => {
  const alike = Array.from(
    { length: 1000 },
    (_, index) => `a${index.toString(2).replaceAll('0', 'l').replaceAll('1', 'I')}`,
  )
  const told = new ToolNames([...alike, ...alike.map((name) => `${name}_`)]).except(alike[512]!)
  expect(told.readingLike(alike[512]!)).toHaveLength(20)
  expect(new ToolNames(['list_invoices', 'search']).except('x').readingLike('Iist_lnvoices')).toEqual(['list_invoices'])
})

test('names are made ready one by one, so that something else can be done in between', () => {
  const names = Array.from({ length: 100 }, (_, index) => `get_entry_${index}`)
  let steps = 0
  const making = ToolNames.making(names)
  let step = making.next()
  for (; !step.done; step = making.next()) steps += 1
  expect(steps).toBe(100)
  expect(step.value.except('x').mentionedIn('Call get_entry_42.')).toEqual(['get_entry_42'])
})
