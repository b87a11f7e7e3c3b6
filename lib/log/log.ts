import pino, { type Logger } from 'pino'

export type Log = Logger

/** Keys whose values never reach a log line, at the top and one to two levels below. */
const secretKeys = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'dpop',
  'token',
  'accessToken',
  'access_token',
  'refreshToken',
  'refresh_token',
  'idToken',
  'id_token',
  'subjectToken',
  'subject_token',
  'sessionToken',
  'session_token',
  'assertion',
  'clientAssertion',
  'client_assertion',
  'code',
  'codeVerifier',
  'code_verifier',
  'clientSecret',
  'client_secret',
  'secret',
  'password',
  'passphrase',
  'privateKey',
  'private_key',
  'apiKey',
  'api_key',
  'environmentKey',
  'encryptionKey',
  'authSecret',
]

/** Of a system, a database or our own errors (`ECONNREFUSED`, `23505`, `42P01`, `not_found`): one word, which no authorization code is. */
const errorCode = /^(?:[A-Z][A-Z_]{0,60}\d{0,5}|[A-Z\d]{5}|[a-z][a-z_]{0,30})$/

function censor(value: unknown, path: readonly string[]): unknown {
  const isErrorCode = typeof value === 'number' || (typeof value === 'string' && errorCode.test(value))
  return path.at(-1) === 'code' && isErrorCode ? value : '[redacted]'
}

/** One JSON line an event on standard output, with secrets redacted and errors as `{ type, message, stack }`. */
export function createLog(options: { process: string; level?: string; destination?: pino.DestinationStream }): Log {
  const redact = secretKeys.flatMap((key) => {
    const quoted = `["${key}"]`
    return [quoted, `*${quoted}`, `*.*${quoted}`]
  })
  return pino(
    {
      base: { process: options.process },
      level: options.level ?? 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: redact, censor },
    },
    options.destination ?? pino.destination({ sync: true }),
  )
}
