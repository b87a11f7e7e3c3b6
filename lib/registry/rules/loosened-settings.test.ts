import { expect, test } from 'vitest'
import { loosenedSettings } from '../schema/loosenings.ts'
import { columnOf, type GuardingSettings, looserSettings, textOf, valueOf } from './loosened-settings.ts'

const strict: GuardingSettings = {
  maskSecrets: true,
  blockMarked: true,
  resultBytesMax: 4096,
  resultDepthMax: 8,
  callsPerSecond: 20,
  callDeadlineSeconds: 30,
  boundary: 'agent',
}
const standard = { callsPerSecond: 500, callDeadlineSeconds: 60 }
const loose: GuardingSettings = {
  maskSecrets: false,
  blockMarked: false,
  resultBytesMax: null,
  resultDepthMax: null,
  callsPerSecond: null,
  callDeadlineSeconds: null,
  boundary: 'server',
}

test('what guards less is named, setting by setting, and what guards as much or more is not', () => {
  expect(looserSettings(strict, loose, standard)).toEqual([
    { what: 'mask_secrets', before: 'on', after: 'off' },
    { what: 'block_marked', before: 'on', after: 'off' },
    { what: 'result_bytes', before: '4096', after: 'default' },
    { what: 'result_depth', before: '8', after: 'default' },
    { what: 'calls_per_second', before: '20', after: 'default' },
    { what: 'call_deadline', before: '30', after: 'default' },
    { what: 'boundary', before: 'agent', after: 'server' },
  ])
  for (const [before, after] of [
    [loose, strict],
    [strict, strict],
    [loose, loose],
    [strict, {}],
  ] as const) {
    expect(looserSettings(before, after, standard)).toEqual([])
  }
  const names = (change: Partial<GuardingSettings>) => looserSettings(strict, change, standard).map(({ what }) => what)
  expect(names({ resultBytesMax: 4097, resultDepthMax: 7 })).toEqual(['result_bytes'])
  expect(names({ boundary: 'team', maskSecrets: true })).toEqual(['boundary'])
  expect(looserSettings({ ...strict, boundary: 'team' }, { boundary: 'agent' }, standard)).toEqual([])
})

test('an own pace is looser when it is faster than what holds for any server, or than the own one before', () => {
  const looser = (before: object, after: object, than: typeof standard | null = standard) =>
    looserSettings({ ...loose, ...before }, after, than).map(({ what }) => what)
  expect(looser({}, { callsPerSecond: 400, callDeadlineSeconds: 60 })).toEqual([])
  expect(looser({}, { callsPerSecond: 501, callDeadlineSeconds: 61 })).toEqual(['calls_per_second', 'call_deadline'])
  // Back to what holds for any server is tighter where one was faster.
  const fast = { callsPerSecond: 900, callDeadlineSeconds: 600 }
  expect(looser(fast, { callsPerSecond: null, callDeadlineSeconds: null })).toEqual([])
  expect(looser({ callsPerSecond: 20 }, { callsPerSecond: 21 })).toEqual(['calls_per_second'])
  // Without a limit of any server every own one is tighter; where it is not known, none is sure to be.
  expect(looser({}, { callsPerSecond: 9000 }, { ...standard, callsPerSecond: 0 })).toEqual([])
  expect(looser({}, { callsPerSecond: 1 }, null)).toEqual(['calls_per_second'])
  expect(looser({ callsPerSecond: 20 }, { callsPerSecond: 10 }, null)).toEqual([])
})

test('what a proposal keeps of a setting is that setting again', () => {
  for (const settings of [strict, loose]) {
    for (const what of loosenedSettings) {
      const value = settings[columnOf(what)]
      expect(valueOf(what, textOf(value))).toBe(value)
    }
  }
})
