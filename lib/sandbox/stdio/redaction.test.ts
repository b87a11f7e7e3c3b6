import { expect, test } from 'vitest'
import { redactor, shownRedactor, StreamRedactor } from './redaction.ts'
import { StderrTail } from './stderr-tail.ts'

const secret = 'pass"word\\1234'
const redact = redactor({ TOKEN: secret, LONGER: `${secret}-and-more`, SHORT: 'on' })

test('a value is masked as it is and as JSON writes it, the longest first; short words stay', () => {
  expect(redact(`a ${secret} b ${JSON.stringify(secret)} c ${secret}-and-more turned on`)).toBe(
    'a [redacted] b "[redacted]" c [redacted] turned on',
  )
})

const key = 'k/+~ey "with" 1?>'
const bytes = Buffer.from(key)
const forms = {
  base64: bytes.toString('base64'),
  base64url: bytes.toString('base64url'),
  'basic credentials': Buffer.from(`user:${key}`).toString('base64'),
  'within longer base64': Buffer.from(`x${key}!`).toString('base64'),
  hexadecimal: bytes.toString('hex'),
  'upper hexadecimal': bytes.toString('hex').toUpperCase(),
  'an address': encodeURIComponent(key),
  'a form': new URLSearchParams({ key }).toString().slice(4),
  'JSON in JSON': JSON.stringify(JSON.stringify(key)),
}

test.for(Object.entries(forms))('a value is masked as %s, whole and in parts', ([, form]) => {
  const text = `it is ${form} and no more`
  const masked = redactor({ KEY: key })(text)
  const stream = new StreamRedactor({ KEY: key })
  const parts = Array.from(Buffer.from(text), (byte) => stream.push(Buffer.of(byte)))
  expect(Buffer.concat([...parts, stream.end()]).toString()).toBe(masked)
  // At its ends base64 shares a character with what stands around it.
  expect(masked).toMatch(/^it is \W*(?:[\w+/=-]{0,8})\[redacted\][\w=!+/-]{0,4}\W* and no more$/)
})

test('of a name with a password, and of an address with one, the password alone is masked, too', () => {
  const masked = redactor({ BASIC: 'ada:open-sesame', DSN: 'postgres://ada:s%40fe-word@db/x' })
  expect(masked('open-sesame, s@fe-word, s%40fe-word, ada')).toBe('[redacted], [redacted], [redacted], ada')
})

test('a short value is masked where it stands as a word in what is shown, and in no message', () => {
  const environment = { PIN: '1234', MODE: 'on' }
  expect(shownRedactor(environment)('pin 1234, not 12345: turned on at once')).toBe(
    'pin [redacted], not 12345: turned [redacted] at once',
  )
  expect(redactor(environment)('{"id":1234}')).toBe('{"id":1234}')
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
