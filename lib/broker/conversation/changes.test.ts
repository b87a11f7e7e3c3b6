import { expect, test } from 'vitest'
import { honoredOf } from './changes.ts'

const filter = { promptsListChanged: true, resourceSubscriptions: ['doc://a', 'doc://b'] } as const
const asked = { ...filter, resourceSubscriptions: [...filter.resourceSubscriptions] }

test('a server tells of what it was asked for, and of nothing else that it says', () => {
  expect(honoredOf(asked, { ...asked })).toEqual(asked)
  const more = { promptsListChanged: true, toolsListChanged: true, taskIds: ['one'], note: 'read this' }
  expect(honoredOf(asked, { ...more, resourceSubscriptions: ['doc://b', 'doc://c', 'doc://b'] })).toEqual({
    promptsListChanged: true,
    resourceSubscriptions: ['doc://b'],
  })
})

test('what is no filter tells of nothing', () => {
  for (const said of [undefined, null, 'all', 7, ['doc://a'], {}, { resourceSubscriptions: 'doc://a' }]) {
    expect(honoredOf(asked, said)).toEqual({})
  }
  expect(honoredOf(asked, { promptsListChanged: 'yes', resourceSubscriptions: [1, {}] })).toEqual({})
})
