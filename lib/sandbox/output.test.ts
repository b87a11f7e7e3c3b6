import { expect, test } from 'vitest'
import { BoundedOutput } from './output.ts'

test('a short output is kept as it is, however it comes', () => {
  const output = new BoundedOutput(20)
  for (const part of ['one ', 'two ', 'three']) output.push(Buffer.from(part))
  expect(output.text()).toBe('one two three')
})

test('of a long output the beginning and the end are kept, and what is missing is said', () => {
  const output = new BoundedOutput(10)
  for (let n = 0; n < 1000; n++) output.push(Buffer.from(`${n} `))
  expect(output.total).toBe(3890)
  expect(output.text()).toBe('0 1 2\n[… 3880 bytes left out …]\n 999 ')
})

test('one huge chunk costs no more than many small ones', () => {
  const output = new BoundedOutput(10)
  output.push(Buffer.alloc(1 << 20, 'x'))
  expect(output.text()).toBe(`xxxxx\n[… ${(1 << 20) - 10} bytes left out …]\nxxxxx`)
})
