/** Splits a stream of server-sent events into the data of each (WHATWG HTML §9.2); comments, ids and names are skipped. */
export class SseReader {
  readonly #decoder = new TextDecoder()
  #line = ''
  #data: string[] = []

  /** The data of every event that is complete with this chunk. */
  push(chunk: Uint8Array): string[] {
    const events: string[] = []
    const lines = (this.#line + this.#decoder.decode(chunk, { stream: true })).split('\n')
    this.#line = lines.pop()!
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
      if (line === '') {
        if (this.#data.length > 0) events.push(this.#data.join('\n'))
        this.#data = []
      } else if (line.startsWith('data:')) {
        this.#data.push(line.slice(line[5] === ' ' ? 6 : 5))
      }
    }
    return events
  }
}
