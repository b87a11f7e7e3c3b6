import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isPermission } from '#lib/auth/permissions.ts'
import { signInRefusals } from '#lib/auth/schema.ts'
import { explainRule } from '#lib/guardrails/rules/explain.ts'
import type { MoveName } from '#lib/lifecycle/rules.ts'

const moves: Record<MoveName, true> = { activate: true, suspend: true, resume: true, retire: true }

/** What is said at run time behind a prefix. */
const made: Record<string, readonly string[]> = {
  'sign-in': signInRefusals,
  permission: ['scopes:approve'],
  hold: ['0199d6a0-0000-7000-8000-000000000000'],
  stop: ['organization', 'agent:a', 'already_ordered'],
  api: ['read_rate', 'write_rate'],
  lifecycle: Object.keys(moves),
}

const literal = /\brule: '([^']+)'/g
const template = /\brule: `([a-z-]+):\$\{/g
const quoted = /'([a-z][a-z-]*:[a-z_]+)'/g

/** Every rule id that the code writes: what stands at `rule:`, and whatever has the prefix of such an id. */
function ruleIds(): { ids: Set<string>; prefixes: Set<string> } {
  const sources = globSync(['lib/**/*.ts', 'app/**/*.{ts,tsx}'])
    .filter((file) => !/\.test\.|lib\/dev\/|lib\/db\/generated\/|lib\/claude\/embedded\//.test(file))
    .map((file) => readFileSync(file, 'utf8'))
  const all = (pattern: RegExp) => sources.flatMap((text) => [...text.matchAll(pattern)].map(([, found]) => found!))
  const written = all(literal)
  const prefixes = new Set(written.filter((id) => id.includes(':')).map((id) => id.split(':')[0]!))
  const others = all(quoted).filter((id) => prefixes.has(id.split(':')[0]!) && !isPermission(id))
  return { ids: new Set([...written, ...others]), prefixes: new Set(all(template)) }
}

test('every rule id that the product can say has its words, and who can change it', () => {
  const { ids, prefixes } = ruleIds()
  // Else the search has found nothing, and says nothing.
  expect(ids.size).toBeGreaterThan(200)
  expect([...prefixes].filter((prefix) => !made[prefix])).toEqual([])
  const behind = Object.entries(made).flatMap(([prefix, ends]) => ends.map((end) => `${prefix}:${end}`))
  const known = [...ids, ...behind].map((id) => explainRule(id))
  expect(known.filter(({ setBy }) => setBy === 'Unknown').map(({ id }) => id)).toEqual([])
  for (const { id, title, explanation, remedy, changedBy } of known) {
    for (const words of [title, explanation, remedy, changedBy.how])
      expect({ id, words }).toEqual({ id, words: expect.stringMatching(/\S/) })
    expect({ id, title }).not.toEqual({ id, title: id })
  }
})

test('what a stop refuses again is not explained as a stop', () => {
  expect(explainRule('stop:already_ordered').title).toBe('What is stopped is not stopped again')
  expect(explainRule('stop:agent:a').title).toBe(explainRule('killed').title)
})
