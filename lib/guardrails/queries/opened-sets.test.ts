import { expect, test } from 'vitest'
import { permitsGranted } from '#lib/dev/test/policy-sets.ts'
import { openedPolicySet } from './opened-sets.ts'

test('a set that failed to open refuses for that ask only; one whose text is at fault is kept', async () => {
  let reads = 0
  const flaky = {
    number: 7,
    version: 'flaky',
    get policies() {
      reads += 1
      if (reads === 1) throw new Error('No thread could be begun.')
      return [permitsGranted]
    },
  }
  expect((await openedPolicySet(flaky)).problem).toContain('No thread could be begun.')
  const ready = await openedPolicySet(flaky)
  expect(ready.problem).toBeNull()
  expect(await openedPolicySet(flaky)).toBe(ready)
  const invalid = {
    number: 8,
    version: 'invalid',
    policies: ['permit (principal, action, resource) when { nothing };'],
  }
  const refusing = await openedPolicySet(invalid)
  expect(refusing.problem).toContain('policy set 8 is not valid')
  expect(await openedPolicySet(invalid)).toBe(refusing)
})
