import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { createLog } from './log.ts'

function logged(fields: object): string {
  const lines: string[] = []
  const destination = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  createLog({ process: 'test', destination }).info(fields, 'said')
  return lines.join('')
}

const secret = 'Zx81-canary_of.a+log/line='
const keys = [
  'authorization',
  'cookie',
  'x-api-key',
  'dpop',
  'token',
  'access_token',
  'refresh_token',
  'id_token',
  'subject_token',
  'assertion',
  'client_assertion',
  'clientAssertion',
  'code',
  'code_verifier',
  'client_secret',
  'clientSecret',
  'secret',
  'password',
  'passphrase',
  'privateKey',
  'private_key',
  'refreshToken',
  'apiKey',
]

test.for(keys)('a log line never holds the value of %s, wherever it stands', (key) => {
  const found = logged({ [key]: secret, body: { [key]: secret, form: { [key]: [secret] } } })
  expect(found).toContain('said')
  expect(found).not.toContain(secret)
})

test('the code of an error is told, so that it can be searched for', () => {
  for (const code of ['ECONNREFUSED', 'ERR_JWT_EXPIRED', '23505', '42P01', 'P2002', 'not_found', 500]) {
    const error = Object.assign(new Error('it failed'), { code })
    expect(JSON.parse(logged({ err: error, code }))).toMatchObject({ err: { code }, code })
  }
})
