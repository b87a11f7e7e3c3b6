export type RawMessage = {
  id?: string | number
  method?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { code: number; message: string; data?: { rule?: string } }
}
type Sent = { body?: object; headers?: Record<string, string>; method?: string; signal?: AbortSignal }

/** An agent written by hand: it sees each message when it comes, and sends what no client of the SDK would. */
export class RawAgent {
  readonly #url: string
  readonly #token: string

  constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  /** One exchange; the messages of its answer, one after the other as they come, whether it is JSON or a stream. */
  async send({ body, headers = {}, method = 'POST', signal }: Sent) {
    const response = await fetch(this.#url, {
      method,
      headers: {
        'content-type': 'application/json',
        accept: body ? 'application/json, text/event-stream' : 'text/event-stream',
        authorization: `Bearer ${this.#token}`,
        ...headers,
      },
      ...(body ? { body: JSON.stringify({ jsonrpc: '2.0', ...body }) } : {}),
      ...(signal ? { signal } : {}),
    })
    const session = response.headers.get('mcp-session-id')
    return { status: response.status, session, messages: messagesOf(response) }
  }

  /** As `send`, to the last message. */
  async ask(sent: Sent): Promise<{ status: number; session: string | null; last: RawMessage }> {
    const { status, session, messages } = await this.send(sent)
    let last: RawMessage = {}
    for await (const message of messages) last = message
    return { status, session, last }
  }

  /** Sends a request and loses the connection as soon as it knows where to go on: the id of the last event it had. */
  async lose({ body, headers = {} }: Sent & { body: object }): Promise<string> {
    const losing = new AbortController()
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${this.#token}`,
        ...headers,
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
      signal: losing.signal,
    })
    let text = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      const id = /^id: (.+)$/m.exec(text)?.[1]
      if (!id) continue
      losing.abort()
      return id
    }
    throw new Error(`no event had an id: ${text}`)
  }

  /** Begins a session of 2025-11-25. */
  async begin(capabilities: object = {}): Promise<Record<string, string>> {
    const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'test', version: '1' } }
    const { session } = await this.ask({ body: { id: 1, method: 'initialize', params } })
    return { 'mcp-session-id': session!, 'mcp-protocol-version': '2025-11-25' }
  }
}

/** A call with the envelope of 2026-07-28. */
export function modernCall(name: string, { capabilities = {}, meta = {}, more = {} } = {}) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': capabilities,
    ...meta,
  }
  const body = { id: 3, method: 'tools/call', params: { name, arguments: {}, _meta, ...more } }
  return { body, headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name } }
}

/** How many messages came before the result of a call; throws when there was none. */
export async function noticesIn({ status, messages }: Awaited<ReturnType<RawAgent['send']>>): Promise<number> {
  let count = 0
  let last: RawMessage = {}
  for await (const message of messages) {
    last = message
    count += 1
  }
  const isError = last.result === undefined || last.result['isError'] === true
  if (isError) throw new Error(`The call had no result (${status}): ${JSON.stringify(last)}`)
  return count - 1
}

/** The messages of an exchange to the last. */
export async function allOf(messages: AsyncIterable<RawMessage>): Promise<RawMessage[]> {
  const all: RawMessage[] = []
  for await (const message of messages) all.push(message)
  return all
}

async function* messagesOf(response: Response): AsyncGenerator<RawMessage, undefined> {
  let held = ''
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    held += text
    const events = isStream ? held.split('\n\n') : []
    held = events.pop() ?? held
    for (const event of events) {
      const data = /^data: (.+)$/m.exec(event)?.[1]
      if (data) yield JSON.parse(data) as RawMessage
    }
  }
  if (!isStream && held !== '') yield JSON.parse(held) as RawMessage
}
