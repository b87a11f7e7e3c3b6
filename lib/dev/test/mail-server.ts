import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

export type MailServer = {
  url: string
  port: number
  /** What arrived, headers and all, with whom it was for. */
  received: { to: string; raw: string }[]
  /** What it answers to the next recipients instead of taking them. */
  refusals: { code: number; message: string }[]
  /** User and password it was shown. */
  signedIn: string[]
  stop(): Promise<void>
}

/** A real SMTP server on this machine, without TLS unless told otherwise. */
export async function startMailServer(options: { tls?: boolean } = {}): Promise<MailServer> {
  const received: MailServer['received'] = []
  const refusals: MailServer['refusals'] = []
  const signedIn: string[] = []
  const server = new SMTPServer({
    disabledCommands: options.tls ? [] : ['STARTTLS'],
    authOptional: true,
    allowInsecureAuth: true,
    logger: false,
    onAuth(auth, _session, done) {
      signedIn.push(`${auth.username ?? ''}:${auth.password ?? ''}`)
      done(null, { user: auth.username ?? '' })
    },
    onRcptTo(_address, _session, done) {
      const refusal = refusals.shift()
      done(refusal ? Object.assign(new Error(refusal.message), { responseCode: refusal.code }) : null)
    },
    onData(stream, session, done) {
      let raw = ''
      stream.on('data', (chunk: Buffer) => (raw += chunk.toString()))
      stream.on('end', () => {
        received.push({ to: session.envelope.rcptTo.map(({ address }) => address).join(','), raw })
        done()
      })
    },
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://user:hunter2@127.0.0.1:${port}`,
    port,
    received,
    refusals,
    signedIn,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
