import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hostileBlocks, hostileLines } from '#lib/dev/test/hostile-texts.ts'
import { createMailer } from '../send/mailer.ts'
import { startMailServer } from '#lib/dev/test/mail-server.ts'
import { mailOf, type Message, slackTextOf } from './messages.ts'

const url = 'https://wheelhouse.example.test'
const known = [...hostileLines, ...hostileBlocks].map(([, text]) => text)
const marks = fc.constantFrom(
  '<',
  '>',
  '&',
  '@',
  '*',
  '_',
  '~',
  '`',
  '[',
  '](',
  '|',
  '!',
  '\n',
  '\r',
  '\0',
  ' ',
  'x',
  '\u202e',
  '\ud800',
)
const text = fc.oneof(fc.constantFrom(...known), fc.array(marks).map((parts) => parts.join('')), fc.string({ unit: 'binary' })) // prettier-ignore
const messages: fc.Arbitrary<Message> = fc.oneof(
  text.map((by): Message => ({ what: 'test', by })),
  fc.tuple(text, text).map(([title, body]): Message => ({ what: 'notification', title, body, path: '/kill', thread: 't' })),
  fc.tuple(text, text).map(([label, title]): Message => ({
    what: 'digest',
    cadence: 'daily',
    period: '2026-11-26',
    groups: [{ label, count: 3, items: [{ title, path: '/inbox' }] }],
  })),
) // prettier-ignore

describe('Slack', () => {
  test('whatever a text says, all markup of a message is ours', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const said = slackTextOf(message, { url })
        const links = said.match(/<[^>]*>/g) ?? []
        expect(links.filter((link) => !/^<https:\/\/wheelhouse\.example\.test\/\w+\|Open in Wheelhouse>$/.test(link))).toEqual([])
        const rest = said.replaceAll(/<[^>]*>/g, '')
        expect(rest).not.toMatch(/[<>`~\p{Cs}\u202a-\u202e]|@(?!\u200b)|\]\(|^[ \t]*&gt;/mu)
        // Bold are whole titles: our stars stand at both ends of a line.
        for (const line of rest.split('\n')) expect(line.replace(/^\*(.*)\*$/, '$1').replace(/^\*|\*$/g, '')).not.toContain('*')
      }),
      { numRuns: 1000 },
    ) // prettier-ignore
  })

  test('words that format nothing stay as they are', () => {
    const said = slackTextOf({ what: 'test', by: 'post_adjustment of Zoë 🧾 (2 of 3)' }, { url })
    expect(said).toContain('post_adjustment of Zoë 🧾 (2 of 3)')
  })
})

describe('mail', () => {
  const about = { id: '0199', url, domain: 'example.test' }

  test('a subject is one line, and HTML has no tag but ours', () => {
    const tags = /<(?!\/?(?:html|body|p|strong|a|br|hr|h1|h2|ul|li)\b|!doctype html>)/i
    fc.assert(
      fc.property(messages, (message) => {
        const { subject, html } = mailOf(message, about)
        expect(subject).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e]/u)
        expect(html).not.toMatch(tags)
        const links = [...html.matchAll(/<a ([^>]*)>/g)].map(([, attributes]) => attributes)
        expect(links.filter((link) => !/^href="https:\/\/wheelhouse\.example\.test\/[\w/]+"$/.test(link ?? ''))).toEqual([])
        expect(html).not.toMatch(/<(?!a )\w+[^>]*\s(?:on\w+|src)=/i)
      }),
      { numRuns: 1000 },
    ) // prettier-ignore
  })

  test('through a real server: one recipient, and no header that a text made', async ({ onTestFinished }) => {
    const server = await startMailServer()
    onTestFinished(() => server.stop())
    const mailer = createMailer({ url: server.url, from: 'wheelhouse@example.test' })
    onTestFinished(() => mailer.close())
    const allowed = new Set(['from', 'to', 'subject', 'message-id', 'in-reply-to', 'references', 'date', 'mime-version', 'content-type', 'list-unsubscribe', 'auto-submitted']) // prettier-ignore
    for (const words of known) {
      const message = { what: 'notification', title: words, body: words, path: '/kill', thread: words } as const
      expect(await mailer.send({ address: 'ada@example.test', mail: mailOf(message, about) })).toEqual({ ok: true })
      const { to, raw } = server.received.pop()!
      const head = raw.slice(0, raw.indexOf('\r\n\r\n'))
      const names = head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n').map((line) => line.split(':')[0]!.toLowerCase()) // prettier-ignore
      expect({ words, to, names: names.filter((name) => !allowed.has(name)) }).toEqual({
        words,
        to: 'ada@example.test',
        names: [],
      })
      expect(new Set(names).size).toBe(names.length)
    }
  })
})
