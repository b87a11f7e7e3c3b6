import pino, { type Logger } from 'pino'

export type Log = Logger

/** Keys whose values never reach a log line, at the top and one to two levels below. */
const secretKeys = [
  'authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'token',
  'accessToken',
  'access_token',
  'client_secret',
  'clientSecret',
  'secret',
  'password',
  'apiKey',
  'environmentKey',
  'encryptionKey',
  'authSecret',
]

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
      redact: { paths: redact, censor: '[redacted]' },
    },
    options.destination ?? pino.destination({ sync: true }),
  )
}
