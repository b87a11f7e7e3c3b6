import { digestOf } from '#lib/core/canonical-json.ts'
import { paths } from '#lib/core/paths.ts'
import { cutText, storableText } from '#lib/core/storable.ts'
import type { Cadence } from './digest-time.ts'

/** What a delivery says, before it is written for its medium. */
export type Message =
  | { what: 'notification'; title: string; body: string; path: string; thread: string }
  | { what: 'digest'; cadence: Cadence; period: string; groups: DigestGroup[] }
  | { what: 'test'; by: string }
/** What of one kind came: how many, and the first of them. */
export type DigestGroup = { label: string; count: number; items: { title: string; path: string }[] }

/** Of a kind in a digest; the rest is counted. */
export const digestItemsMax = 10

const subjectCharactersMax = 300

export type Mail = {
  subject: string
  text: string
  html: string
  /** The same at every attempt, so that a mail that arrives twice is seen as one. */
  messageId: string
  /** What mails about one thing refer to, so that they are shown together. */
  references: string | null
  unsubscribe: string
}

/** A message as a mail: text and simple HTML that say the same. `url` is the portal's address, `domain` whose names the ids are. */
export function mailOf(message: Message, { id, url, domain }: { id: string; url: string; domain: string }): Mail {
  const link = (path: string) => `${url}${path}`
  const settings = link(paths.notificationSettings())
  const { subject, text, html } = contentOf(message, link)
  const footer = `You get this from Wheelhouse. What you are told of, and how: ${settings}`
  return {
    subject: subjectOf(subject),
    text: `${text}\n\n-- \n${footer}\n`,
    html: `<!doctype html><html lang="en"><body style="font-family:sans-serif;line-height:1.5">${html}<hr><p style="color:#555;font-size:13px">You get this from Wheelhouse. <a href="${escapeHtml(settings)}">What you are told of, and how</a></p></body></html>`,
    messageId: `<${id}@${domain}>`,
    references: message.what === 'notification' ? `<${digestOf(message.thread).slice(0, 32)}@${domain}>` : null,
    unsubscribe: `<${settings}>`,
  }
}

/** A message in Slack's markup (mrkdwn); other chats take the same. */
export function slackTextOf(message: Message, { url }: { url: string }): string {
  const open = (path: string) => `<${url}${path}|Open in Wheelhouse>`
  switch (message.what) {
    case 'test':
      return `A test: ${escapeMrkdwn(message.by)} wants to know whether this arrives.`
    case 'notification':
      return [`*${escapeMrkdwn(message.title)}*`, escapeMrkdwn(message.body), open(message.path)]
        .filter(Boolean)
        .join('\n')
    case 'digest': {
      const groups = message.groups.map(({ label, count, items }) => {
        const lines = items.map(({ title, path }) => `• ${escapeMrkdwn(title)} ${open(path)}`)
        return [`*${escapeMrkdwn(label)}: ${count}*`, ...lines, ...more(count, items.length)].join('\n')
      })
      return [`*${escapeMrkdwn(digestTitle(message))}*`, ...groups, open(paths.inbox())].join('\n\n')
    }
  }
}

/** What a message is called in a list. */
export function titleOf(message: Message): string {
  if (message.what === 'test') return 'Test'
  return message.what === 'digest' ? digestTitle(message) : message.title
}

/**
 * Text as text: Slack reads &, < and > as markup; a mention is broken, so that nobody’s words call a whole channel. Where words could be formatted, quoted or made a link, by Slack or by a chat that reads
 * Markdown, the signs are told by ones that look alike and mean nothing.
 */
export function escapeMrkdwn(text: string): string {
  return storableText(text)
    .replaceAll(/[^\P{Cc}\n\t]|[\u2028-\u202e\u2066-\u2069]/gu, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/^(?=[ \t]*(?:&gt;|#))/gm, '\u200B')
    .replaceAll('@', '@\u200B')
    .replaceAll('`', '\u02CB')
    .replaceAll('*', '\u2217')
    .replaceAll('~', '\u223C')
    .replaceAll(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\uFF3F')
    .replaceAll('](', ']\u200B(')
}

/** On one line, as a subject is: no line of it becomes a header. */
function subjectOf(text: string): string {
  const line = storableText(text).replaceAll(/[\p{Cc}\u2028-\u202e\u2066-\u2069]+/gu, ' ')
  return cutText(line.replaceAll(/\s+/g, ' ').trim(), subjectCharactersMax)
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function contentOf(message: Message, link: (path: string) => string): { subject: string; text: string; html: string } {
  switch (message.what) {
    case 'test': {
      const text = `A test: ${message.by} wants to know whether this arrives.`
      return { subject: 'A test from Wheelhouse', text, html: `<p>${escapeHtml(text)}</p>` }
    }
    case 'notification': {
      const { title, body, path } = message
      const lines = body === '' ? '' : `<p>${escapeHtml(body).replaceAll('\n', '<br>')}</p>`
      return {
        subject: title,
        text: [title, body, link(path)].filter(Boolean).join('\n\n'),
        html: `<p><strong>${escapeHtml(title)}</strong></p>${lines}<p><a href="${escapeHtml(link(path))}">Open in Wheelhouse</a></p>`,
      }
    }
    case 'digest': {
      const subject = digestTitle(message)
      const text = message.groups.map(({ label, count, items }) =>
        [
          `${label}: ${count}`,
          ...items.map(({ title, path }) => `- ${title}\n  ${link(path)}`),
          ...more(count, items.length),
        ].join('\n'),
      )
      const html = message.groups.map(({ label, count, items }) => {
        const list = items.map(
          ({ title, path }) => `<li><a href="${escapeHtml(link(path))}">${escapeHtml(title)}</a></li>`,
        )
        const rest = more(count, items.length).map((line) => `<p>${line}</p>`)
        return `<h2 style="font-size:16px">${escapeHtml(label)}: ${count}</h2><ul>${list.join('')}</ul>${rest.join('')}`
      })
      return {
        subject,
        text: [subject, ...text, link(paths.inbox())].join('\n\n'),
        html: `<h1 style="font-size:18px">${escapeHtml(subject)}</h1>${html.join('')}<p><a href="${escapeHtml(link(paths.inbox()))}">Inbox</a></p>`,
      }
    }
  }
}

function digestTitle({ cadence, period, groups }: Extract<Message, { what: 'digest' }>): string {
  const total = groups.reduce((sum, { count }) => sum + count, 0)
  const when = cadence === 'daily' ? `until ${period}` : `in the week until ${period}`
  return `Wheelhouse: ${total} ${total === 1 ? 'thing' : 'things'} ${when}`
}

function more(count: number, shown: number): string[] {
  return count > shown ? [`and ${count - shown} more`] : []
}
