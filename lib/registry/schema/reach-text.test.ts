import { expect, test } from 'vitest'
import { reachedText, unreachedTexts } from './reach-text.ts'

test('tools are named, and what is opened besides them is said after', () => {
  expect(reachedText([])).toBe('')
  expect(reachedText(['look', 'method:resources', 'change', 'method:prompts'])).toBe(
    'look, change; besides tools: resources, prompts',
  )
  expect(unreachedTexts([{ why: 'the tool is quarantined', tools: ['wipe', 'move'] }])).toEqual([
    'wipe, move: the tool is quarantined',
  ])
})
