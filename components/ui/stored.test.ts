import { expect, test } from 'vitest'
import { singleKeysOn, switchSingleKeys } from '../shell/keys.ts'
import { chooseTimeStyle, timeStyle } from './time-style.ts'

test('a browser that keeps nothing for the site shows the default instead of failing', () => {
  Object.defineProperty(globalThis, 'localStorage', {
    configurable: true,
    get(): Storage {
      throw new DOMException('The operation is insecure.', 'SecurityError')
    },
  })
  expect(timeStyle()).toBe('relative')
  expect(singleKeysOn()).toBe(true)
  expect(() => {
    chooseTimeStyle('utc')
    switchSingleKeys(false)
  }).not.toThrow()
})

test('what is chosen is kept', () => {
  const kept = new Map<string, string>()
  Object.defineProperty(globalThis, 'localStorage', {
    configurable: true,
    value: {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    },
  })
  chooseTimeStyle('utc')
  switchSingleKeys(false)
  expect([timeStyle(), singleKeysOn()]).toEqual(['utc', false])
  switchSingleKeys(true)
  expect(singleKeysOn()).toBe(true)
})
