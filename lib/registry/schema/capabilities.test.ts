import { expect, test } from 'vitest'
import { namesCovering } from '#lib/guardrails/rules/coverage.ts'
import { askMethods, tasksMethod } from './methods.ts'
import { capabilities, capabilityNames, capabilityOf, capabilityWith, grantName, scopeTitle } from './capabilities.ts'

test('what a server asks, and tasks, are granted by name only; what it offers by the whole server as well', () => {
  const byName = capabilities.filter(({ grantedBy }) => grantedBy === 'name').map(({ name }) => name)
  expect(byName).toEqual([...askMethods, tasksMethod])
  for (const one of capabilities) {
    for (const method of one.methods) {
      const names = namesCovering({ name: method, isMethod: true })
      expect(names).toContain(grantName(one))
      expect(names.includes(null)).toBe(one.grantedBy === 'server')
    }
  }
})

test('a grant of resources covers each of its methods, and none of another', () => {
  expect(namesCovering({ name: 'resources/read', isMethod: true })).toEqual([
    null,
    'method:resources/read',
    'method:resources',
  ])
  expect(namesCovering({ name: 'prompts/get', isMethod: true })).not.toContain('method:resources')
  // A tool that has the name of a method is a tool.
  expect(namesCovering({ name: 'resources/read' })).toEqual([null, 'resources/read'])
  expect(namesCovering({ name: 'method:resources' })).toEqual([null])
})

test('each has a name of its own and belongs to one', () => {
  expect(new Set(capabilityNames).size).toBe(capabilityNames.length)
  const methods = capabilities.flatMap((one) => one.methods)
  expect(new Set(methods).size).toBe(methods.length)
  expect(capabilityWith('resources/templates/list')?.name).toBe('resources')
  expect(capabilityWith('tools/call')).toBeUndefined()
  expect(capabilityOf('resources')).toBeUndefined()
  expect(capabilityOf('method:resources/read')).toBeUndefined()
  expect(scopeTitle({ class: 'read', toolName: 'method:roots/list' })).toBe('See its folders')
  expect(scopeTitle({ class: 'write', toolName: 'post' })).toBe('post')
  expect(scopeTitle({ class: 'write', toolName: null })).toBe('write')
})
