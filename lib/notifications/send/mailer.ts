import nodemailer from 'nodemailer'
import { isLoopback } from '#lib/config/shared.ts'
import type { Sent } from '../rules/attempts.ts'
import type { Mail } from '../rules/messages.ts'

export type SmtpSettings = { url: string; from: string }
export type Mailer = {
  /** Whose names the ids of mails are. */
  domain: string
  /** Hands a mail to the server; resolves with what came of it. Never rejects, and says nothing of the server’s own words. */
  send(to: { address: string; mail: Mail }): Promise<Sent>
  close(): void
}

const connectMs = 10_000
const silenceMs = 20_000

/**
 * Sends mail through one SMTP server: `smtp://` begins TLS with STARTTLS and refuses to go on without, except to this machine itself; `smtps://` is TLS from the first byte.
 */
export function createMailer({ url, from }: SmtpSettings): Mailer {
  const at = new URL(url)
  const secure = at.protocol === 'smtps:'
  const host = at.hostname.replace(/^\[|\]$/g, '')
  const user = decodeURIComponent(at.username)
  const transport = nodemailer.createTransport({
    host,
    port: Number(at.port) || (secure ? 465 : 587),
    secure,
    requireTLS: !secure && !isLoopback(at.hostname),
    ...(user ? { auth: { user, pass: decodeURIComponent(at.password) } } : {}),
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    socketTimeout: silenceMs,
    // What a message says is never taken for the name of a file or an address to fetch.
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
  })
  return {
    domain: /@([^\s>]+)>?\s*$/.exec(from)?.[1] ?? 'localhost',
    async send({ address, mail }) {
      try {
        await transport.sendMail({
          from,
          to: { name: '', address },
          subject: mail.subject,
          text: mail.text,
          html: mail.html,
          messageId: mail.messageId,
          ...(mail.references ? { inReplyTo: mail.references, references: mail.references } : {}),
          headers: { 'List-Unsubscribe': mail.unsubscribe, 'Auto-Submitted': 'auto-generated' },
        })
        return { ok: true }
      } catch (error) {
        return outcomeOf(error)
      }
    },
    close: () => transport.close(),
  }
}

/** What a server says when it wants a password first, or another way of giving it, whatever it is answering. */
const signInCodes: ReadonlySet<number> = new Set([530, 534, 535, 538])

/**
 * 5xx is final where the server speaks of this mail: of whom it is for, or of what it says. A greeting, a sender or a password that it does not take is a matter of our settings or of its own: somebody
 * mends these, so the mail is tried again.
 */
export function outcomeOf(error: unknown): Extract<Sent, { ok: false }> {
  const { code, responseCode, command } = error as { code?: string; responseCode?: number; command?: string }
  const ofThisMail = command === 'RCPT TO' || command === 'DATA'
  const refused = responseCode !== undefined && responseCode >= 500 && !signInCodes.has(responseCode)
  const words = ofThisMail || code !== 'EENVELOPE' ? wordsOf(code, responseCode) : senderWords(responseCode)
  return { ok: false, error: words, final: ofThisMail && refused, gone: false, retryAfterMs: null }
}

function senderWords(responseCode: number | undefined): string {
  return `The mail server does not take us as a sender${responseCode === undefined ? '' : ` (${responseCode})`}.`
}

function wordsOf(code: string | undefined, responseCode: number | undefined): string {
  const status = responseCode === undefined ? '' : ` (${responseCode})`
  switch (code) {
    case 'EAUTH':
      return `The mail server does not take our user and password${status}.`
    case 'EENVELOPE':
      return `The mail server does not take the address${status}.`
    case 'EMESSAGE':
      return `The mail server does not take the message${status}.`
    case 'ETLS':
      return `The mail server offers no TLS that can be trusted${status}.`
    case 'ETIMEDOUT':
      return 'The mail server did not answer in time.'
    default:
      return `The mail server cannot be reached: ${code ?? 'no reason given'}${status}.`
  }
}
