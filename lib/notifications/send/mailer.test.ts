import { expect, test } from 'vitest'
import { outcomeOf } from './mailer.ts'

test.each([
  [{ code: 'EENVELOPE', command: 'RCPT TO', responseCode: 550 }, true],
  [{ code: 'EMESSAGE', command: 'DATA', responseCode: 554 }, true],
  [{ code: 'EENVELOPE', command: 'RCPT TO', responseCode: 450 }, false],
  // These are of our settings or of the server: somebody mends them.
  [{ code: 'EENVELOPE', command: 'MAIL FROM', responseCode: 530 }, false],
  [{ code: 'EENVELOPE', command: 'MAIL FROM', responseCode: 553 }, false],
  [{ code: 'EENVELOPE', command: 'RCPT TO', responseCode: 530 }, false],
  [{ code: 'EAUTH', command: 'AUTH PLAIN', responseCode: 535 }, false],
  [{ code: 'EPROTOCOL', command: 'CONN', responseCode: 554 }, false],
  [{ code: 'ETIMEDOUT', command: 'CONN' }, false],
])('whether a mail is given up after %j: %s', (error, final) => {
  expect(outcomeOf(error)).toMatchObject({ ok: false, final, gone: false })
})
