import { z } from 'zod'

export const mailVariables = {
  WHEELHOUSE_SMTP_URL: z
    .url({ protocol: /^smtps?$/, error: 'Use smtp://user:password@host:587 or smtps://host:465.' })
    .optional()
    .describe(
      'Mail server: smtps://, or smtp:// that must offer STARTTLS unless it is on this machine; with WHEELHOUSE_MAIL_FROM. Unset: no mail. Secret.',
    ),
  WHEELHOUSE_MAIL_FROM: z
    .string()
    .regex(/^(?:[^<>@\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/, 'Use an address, or Name <address>.')
    .optional()
    .describe('Whom mail is from, e.g. Wheelhouse <wheelhouse@example.com>.'),
}

type MailVariables = { WHEELHOUSE_SMTP_URL?: string | undefined; WHEELHOUSE_MAIL_FROM?: string | undefined }

/** For `superRefine`, in the process that sends: a server needs a sender, and a sender a server. */
export function checkMail(env: MailVariables, context: z.RefinementCtx): void {
  if ((env.WHEELHOUSE_SMTP_URL === undefined) === (env.WHEELHOUSE_MAIL_FROM === undefined)) return
  const missing = env.WHEELHOUSE_SMTP_URL === undefined ? 'WHEELHOUSE_SMTP_URL' : 'WHEELHOUSE_MAIL_FROM'
  context.addIssue({ code: 'custom', path: [missing], message: 'Mail needs both the server and the sender.' })
}

/** The mail server; null: none is set up. */
export function smtpSettings(env: MailVariables): { url: string; from: string } | null {
  const { WHEELHOUSE_SMTP_URL: url, WHEELHOUSE_MAIL_FROM: from } = env
  return url !== undefined && from !== undefined ? { url, from } : null
}
