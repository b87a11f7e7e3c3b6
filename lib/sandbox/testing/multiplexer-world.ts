import type { Message } from '../stdio/messages.ts'
import { type Caller, Multiplexer } from '../stdio/multiplexer.ts'
import { StreamRedactor } from '../stdio/redaction.ts'
import type { SpoolSpace } from '../stdio/spool.ts'

/** How long what was given up may be at work. */
export const lingerMs = 60_000
const secret = 'canary-of-the-process'

export const large = (text: string) => Buffer.from(text)

/**
 * A multiplexer without a process: what it sends, and what it is to receive.
 * @param spools room for answers of which nobody knows yet whose they are
 */
export function multiplexerWorld({ spools, isOneAgents = false }: { spools?: SpoolSpace; isOneAgents?: boolean } = {}) {
  const sent: Message[] = []
  const strays: string[] = []
  const changes: Message[] = []
  const lost: number[] = []
  const multiplexer = new Multiplexer({
    send: (line) => sent.push(JSON.parse(line) as Message),
    onStray: (_, what) => strays.push(what),
    onChange: (message) => changes.push(message),
    isOneAgents,
    lingerMs,
    onLost: ({ bytes }) => lost.push(bytes),
    streams: {
      bytesMax: 10_000,
      redactor: () => new StreamRedactor({ TOKEN: secret }),
      spool: () => spools?.open(10_000) ?? null,
      stallMs: 100,
    },
  })
  const client = (answers: string[] = []) => {
    const heard: Message[] = []
    const streamed: string[] = []
    const sink = {
      write: (bytes: Buffer) => void streamed.push(bytes.toString()),
      end: () => void streamed.push('<end>'),
      fail: () => void streamed.push('<broken>'),
    }
    const caller: Caller = {
      session: {},
      onMessage: (said) => heard.push(said),
      stream: () => sink,
      answers: (method) => answers.includes(method),
    }
    return { caller, heard, text: () => streamed.join('') }
  }
  const receive = (message: object) => multiplexer.receive(JSON.stringify({ jsonrpc: '2.0', ...message }))
  const request = (id: unknown, meta: object = {}) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { _meta: meta },
  })
  return { multiplexer, sent, strays, changes, lost, client, receive, request }
}
