import { expect, test } from 'vitest'
import { processEnvironment } from '#lib/core/process-environment.ts'
import { changedCommand, draftOf, secretOfValues } from './program-draft.ts'

test('the values of variables are one line of ASCII, and come out of it as they were typed', () => {
  const values = { TOKEN: 'käse 🧀 "x"\n', OTHER: '{"A":"b"}', GONE: 'of a variable that is no more', EMPTY: '' }
  const names = ['TOKEN', 'OTHER', 'EMPTY']
  const secret = secretOfValues(names, values)
  expect(secret).toMatch(/^[\x20-\x7e]+$/)
  expect(processEnvironment(names, secret!)).toEqual({ TOKEN: values.TOKEN, OTHER: values.OTHER })
  expect(secretOfValues(['OTHER'], values)).toBe('{"OTHER":"{\\"A\\":\\"b\\"}"}')
  expect(secretOfValues(['EMPTY'], values)).toBeNull()
})

test('a draft of a command changes what was typed in it, and keeps the rest to the letter', () => {
  const reference = { name: '@acme/erp', version: '1.2.0', integrity: 'sha512-x', lock: 'y' }
  const before = { command: 'erp', args: ['--root', '', '/data'], env: ['TOKEN'], package: reference }
  const draft = draftOf(before, null)
  expect(changedCommand(before, draft)).toEqual(before)
  expect(changedCommand(before, { ...draft, env: ' TOKEN  LEVEL ' })).toEqual({ ...before, env: ['TOKEN', 'LEVEL'] })
  expect(changedCommand(before, { ...draft, args: '--root\n/all data\n' })).toEqual({
    ...before,
    args: ['--root', '/all data'],
  })
})
