import { expect, test } from 'vitest'
import { processEnvironment } from '#lib/core/process-environment.ts'
import { secretOfValues } from './program-draft.ts'

test('the values of variables are one line of ASCII, and come out of it as they were typed', () => {
  const values = { TOKEN: 'käse 🧀 "x"\n', OTHER: '{"A":"b"}', GONE: 'of a variable that is no more', EMPTY: '' }
  const names = ['TOKEN', 'OTHER', 'EMPTY']
  const secret = secretOfValues(names, values)
  expect(secret).toMatch(/^[\x20-\x7e]+$/)
  expect(processEnvironment(names, secret!)).toEqual({ TOKEN: values.TOKEN, OTHER: values.OTHER })
  expect(secretOfValues(['OTHER'], values)).toBe('{"OTHER":"{\\"A\\":\\"b\\"}"}')
  expect(secretOfValues(['EMPTY'], values)).toBeNull()
})
