import { expect, test } from 'vitest'
import { isWithin } from './sub-resource.ts'

test.each([
  ['file:///project', 'file:///project'],
  ['file:///project/a.md', 'file:///project'],
  ['file:///project/a.md', 'file:///project/'],
  ['db://orders?page=2', 'db://orders'],
  ['doc://rules#third', 'doc://rules'],
])('%s is within %s', (uri, watched) => {
  expect(isWithin(uri, watched)).toBe(true)
})

test.each([
  ['file:///projects', 'file:///project'],
  ['file:///project', 'file:///project/a.md'],
  ['file:///project', 'file:///project/'],
  ['file:///other/project', 'file:///project'],
])('%s is not within %s', (uri, watched) => {
  expect(isWithin(uri, watched)).toBe(false)
})
