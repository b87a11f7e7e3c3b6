import { expect, test } from 'vitest'
import { loosenedSettings } from '../schema/loosenings.ts'
import { columnOf, type GuardingSettings, looserSettings, textOf, valueOf } from './loosened-settings.ts'

const strict: GuardingSettings = {
  maskSecrets: true,
  blockMarked: true,
  resultBytesMax: 4096,
  resultDepthMax: 8,
  boundary: 'agent',
}
const loose: GuardingSettings = {
  maskSecrets: false,
  blockMarked: false,
  resultBytesMax: null,
  resultDepthMax: null,
  boundary: 'server',
}

test('what guards less is named, setting by setting, and what guards as much or more is not', () => {
  expect(looserSettings(strict, loose)).toEqual([
    { what: 'mask_secrets', before: 'on', after: 'off' },
    { what: 'block_marked', before: 'on', after: 'off' },
    { what: 'result_bytes', before: '4096', after: 'default' },
    { what: 'result_depth', before: '8', after: 'default' },
    { what: 'boundary', before: 'agent', after: 'server' },
  ])
  for (const [before, after] of [
    [loose, strict],
    [strict, strict],
    [loose, loose],
    [strict, {}],
  ] as const) {
    expect(looserSettings(before, after)).toEqual([])
  }
  const names = (change: Partial<GuardingSettings>) => looserSettings(strict, change).map(({ what }) => what)
  expect(names({ resultBytesMax: 4097, resultDepthMax: 7 })).toEqual(['result_bytes'])
  expect(names({ boundary: 'team', maskSecrets: true })).toEqual(['boundary'])
  expect(looserSettings({ ...strict, boundary: 'team' }, { boundary: 'agent' })).toEqual([])
})

test('what a proposal keeps of a setting is that setting again', () => {
  for (const settings of [strict, loose]) {
    for (const what of loosenedSettings) {
      const value = settings[columnOf(what)]
      expect(valueOf(what, textOf(value))).toBe(value)
    }
  }
})
