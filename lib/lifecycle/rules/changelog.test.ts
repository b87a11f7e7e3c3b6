import { expect, test } from 'vitest'
import { changesOf } from './changelog.ts'

const changelog = `# Reconciler

Every change, newest first.

## 1.10.0 (2026-11-20)
Asks before it flags.

- Two tries.

## [1.9.0] - 2026-10-01

Rounds to cents.
## v1.1.0
`

test.each([
  ['1.10.0', 'Asks before it flags.\n\n- Two tries.'],
  ['1.9.0', 'Rounds to cents.'],
  ['1.1.0', ''],
  ['1.1', ''],
  ['1.0.0', ''],
])('what a changelog says of %s', (version, said) => {
  expect(changesOf(changelog, version)).toBe(said)
  expect(changesOf(changelog.replaceAll('\n', '\r\n'), version)).toBe(said)
})
