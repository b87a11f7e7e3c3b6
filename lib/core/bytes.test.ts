import { expect, test } from 'vitest'
import { bytesText } from './bytes.ts'

test.each([
  [0, '0 bytes'],
  [50_000, '50000 bytes'],
  [1024 * 1024, '1 MiB'],
  [1024 * 1024 + 1, '1048577 bytes'],
  [268_435_456, '256 MiB'],
])('%i bytes are said as %s: never rounded', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text)
})
