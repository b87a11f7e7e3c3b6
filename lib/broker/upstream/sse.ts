/** One server-sent event: its data, and what a client needs to resume after it. */
export type SseEvent = { data: string; id: string | null; retry: number | null }

/** Splits a stream of server-sent events (WHATWG HTML §9.2) into those that carry data, an id or a time to retry after; comments and names are skipped. */
export class SseReader {
  readonly #decoder = new TextDecoder()
  #line = ''
  #data: string[] = []
  #id: string | null = null
  #retry: number | null = null

  /** Every event that is complete with this chunk. */
  push(chunk: Uint8Array): SseEvent[] {
    const events: SseEvent[] = []
    const lines = (this.#line + this.#decoder.decode(chunk, { stream: true })).split('\n')
    this.#line = lines.pop()!
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
      if (line === '') {
        if (this.#data.length > 0 || this.#id !== null) {
          events.push({ data: this.#data.join('\n'), id: this.#id, retry: this.#retry })
        }
        this.#data = []
        this.#id = this.#retry = null
      } else if (line.startsWith('data:')) this.#data.push(valueOf(line, 5))
      else if (line.startsWith('id:')) this.#id = valueOf(line, 3)
      else if (line.startsWith('retry:') && /^\d+$/.test(valueOf(line, 6))) this.#retry = Number(valueOf(line, 6))
    }
    return events
  }
}

function valueOf(line: string, from: number): string {
  return line.slice(line[from] === ' ' ? from + 1 : from)
}
