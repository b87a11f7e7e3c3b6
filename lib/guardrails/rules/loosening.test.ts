import { expect, test } from 'vitest'
import { mayAllowMore } from './loosening.ts'

const permit = '@id("permit_granted")\npermit (principal, action, resource) when { principal in resource.openTo };'
const night = '@id("policy_night") @title("At night")\nforbid (principal, action, resource) when { context.hour < 6 };'
const wipe = 'forbid (principal, action, resource) when { resource.class == "destructive" };'

test('a set that forbids as much and permits no more allows nothing more, whatever is said beside it', () => {
  expect(mayAllowMore([permit, night], [permit, night])).toBe(false)
  expect(mayAllowMore([permit, night, wipe], [permit, night])).toBe(false)
  expect(mayAllowMore([night], [permit, night])).toBe(false)
  const said = `// Why.\n@id("policy_other")\n@title("permit (principal, action, resource);")\nforbid(principal,action,resource)\nwhen{context.hour<6}; // night`
  expect(mayAllowMore([permit, said], [permit, night])).toBe(false)
})

test('less that is forbidden, more that is permitted, and whatever is written otherwise counts as looser', () => {
  expect(mayAllowMore([permit], [permit, night])).toBe(true)
  expect(mayAllowMore([permit, night, 'permit (principal, action, resource);'], [permit, night])).toBe(true)
  expect(mayAllowMore([permit, night.replace('< 6', '< 5')], [permit, night])).toBe(true)
  expect(mayAllowMore([permit, wipe.replace('"destructive"', '"destructive "')], [permit, wipe])).toBe(true)
  expect(mayAllowMore([permit, wipe.replace('forbid', 'permit')], [permit, wipe])).toBe(true)
  // Where nothing is in force every call is refused.
  expect(mayAllowMore([permit], [])).toBe(true)
})

test('what may fail and is gone refuses nothing any more', () => {
  const counts = 'permit (principal, action, resource) when { context.hour + 1 < 9 };'
  expect(mayAllowMore([permit], [permit, counts])).toBe(true)
  expect(mayAllowMore([permit, counts], [permit, counts])).toBe(false)
})
