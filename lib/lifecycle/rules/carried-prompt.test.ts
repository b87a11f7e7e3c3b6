import fc from 'fast-check'
import { expect, test } from 'vitest'
import { agentLayer } from '#lib/registry/schema.ts'
import { carriedLayer, carriedPrompt } from './carried-prompt.ts'

const found = (system: string) => ({ description: '', model: 'm', system, tools: [], mcpServers: [], skills: [] })

test('a prompt is carried as it is, but for characters that no layer takes', () => {
  expect(carriedPrompt(found('Post what comes.\r\n\tMind "credit" notes.\u0007'))).toBe(
    'Post what comes.\n\tMind "credit" notes.',
  )
  expect(carriedPrompt(found('خادم 🧾 <b>{{x}}</b>'))).toBe('خادم 🧾 <b>{{x}}</b>')
  expect(carriedLayer(null)).toEqual({ prompt: '', parameters: {} })
})

test('what a template of ours was rendered to is not said twice', () => {
  expect(carriedPrompt(found('template: invoice-reconciler@1.0.0\nparameters: {}\n\nYou match.'))).toBe('')
})

test('any prompt becomes a layer, or is refused for its length with what to do', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (system) => agentLayer.safeParse(carriedLayer(found(system))).success),
  )
  expect(() => carriedLayer(found('x'.repeat(20_001)))).toThrow(/20,001 characters.*layer\.prompt/)
})
