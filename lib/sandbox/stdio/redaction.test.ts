import { expect, test } from 'vitest'
import { redactor, StreamRedactor } from './redaction.ts'
import { StderrTail } from './stderr-tail.ts'

const secret = 'pass"word\\1234'
const redact = redactor({ TOKEN: secret, LONGER: `${secret}-and-more`, SHORT: 'on' })

test('a value is masked as it is and as JSON writes it, the longest first; short words stay', () => {
  expect(redact(`a ${secret} b ${JSON.stringify(secret)} c ${secret}-and-more turned on`)).toBe(
    'a [redacted] b "[redacted]" c [redacted] turned on',
  )
})

test('of a standard error the last lines are kept, bounded and masked, also where chunks divide a secret', () => {
  const tail = new StderrTail(redact)
  for (let line = 0; line < 5000; line += 1) tail.push(Buffer.from(`line ${line} \u001b[31m${'x'.repeat(30)}\n`))
  for (const byte of Buffer.from(`the token ${secret} is wrong\n${'y'.repeat(2000)}\n`)) tail.push(Uint8Array.of(byte))
  const lines = tail.lines()
  expect(lines).toHaveLength(20)
  expect(lines.at(-2)).toBe('the token [redacted] is wrong')
  expect(lines.at(-1)).toHaveLength(501)
  expect(lines.join('')).not.toMatch(/\p{Cc}/u)
})

test('where the kept text begins in the middle of a secret, nothing of it is shown', () => {
  const tail = new StderrTail(redact)
  tail.push(Buffer.from(secret.repeat(4000)))
  expect(tail.lines()).toEqual([])
})

test('bytes in parts are masked as the whole is, wherever they are cut', () => {
  const environment = { ONE: 'abcabcabd', TWO: 'secret "quoted"', THREE: 'short', FOUR: 'secret' }
  const whole = 'x abcabcabcabd secret "quoted" secret \\"quoted\\" secre abcabcab short secret'
  const expected = redactor(environment)(whole)
  for (let first = 0; first <= whole.length; first += 1) {
    for (const second of [first, first + 1, first + 7, whole.length]) {
      const stream = new StreamRedactor(environment)
      const parts = [whole.slice(0, first), whole.slice(first, second), whole.slice(second)]
      const out = [...parts.map((part) => stream.push(Buffer.from(part))), stream.end()]
      expect(Buffer.concat(out).toString()).toBe(expected)
    }
  }
})
