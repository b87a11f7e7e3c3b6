import { expect, test } from 'vitest'
import type { ComparedTool } from '../schema/probes.ts'
import { comparedText } from './tool-comparison.ts'

const tool: ComparedTool = {
  name: 'greet',
  class: 'read',
  classBefore: 'read',
  verdict: 'suspended',
  waits: true,
  findings: [],
}

test('what becomes of a tool says another class and whether it waits', () => {
  expect(comparedText({ ...tool, class: 'write' })).toBe('Changed, read → write; waits for its review')
  expect(comparedText({ ...tool, classBefore: null, verdict: 'new' })).toBe('New; waits for its review')
  expect(comparedText({ ...tool, verdict: 'new' })).toBe('Never approved; waits for its review')
  expect(comparedText({ ...tool, verdict: 'wording', waits: false })).toBe('Other wording; stays as approved')
})
