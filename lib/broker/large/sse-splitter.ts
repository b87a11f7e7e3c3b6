/** An event with its data, its type and what a client needs to resume after it, or a piece of the data of one that is too large to hold. */
export type SseItem =
  | { kind: 'event'; data: string; type: string; id: string | null; retry: number | null }
  | { kind: 'piece'; bytes: Buffer; last: boolean }

const newline = 0x0a
const carriageReturn = 0x0d
const dataField = Buffer.from('data:')
const space = 0x20
const standardType = 'message'

/**
 * Splits a stream of server-sent events (WHATWG HTML §9.2) at the level of bytes. What is small comes as an event; the data of one that exceeds `holdBytesMax` comes in
 * pieces, as it arrives, so that it is never in memory as a whole. Events that only have an id or a time to retry after come
 * too; comments and other fields are skipped.
 */
export class SseSplitter {
  readonly #holdBytesMax: number
  /** The line that is not complete yet; in a large event only while its field is not known. */
  #line: Buffer[] = []
  #lineBytes = 0
  #data: string[] = []
  #dataBytes = 0
  #type = standardType
  #id: string | null = null
  #retry: number | null = null
  /** Within an event whose data comes in pieces: whether the current line is one of data, null before that is known. */
  #large: { inData: boolean | null; lines: number } | null = null

  constructor(options: { holdBytesMax: number }) {
    this.#holdBytesMax = options.holdBytesMax
  }

  /** Of what is not handed over yet. */
  get heldBytes(): number {
    return this.#lineBytes + this.#dataBytes
  }

  push(chunk: Buffer): SseItem[] {
    const items: SseItem[] = []
    let from = 0
    while (from < chunk.length) {
      const end = chunk.indexOf(newline, from)
      const part = chunk.subarray(from, end === -1 ? chunk.length : end)
      from = end === -1 ? chunk.length : end + 1
      // Nearly every line is whole, and of a small event: it is read where it lies.
      if (end !== -1 && this.#isFresh && this.#dataBytes + part.length <= this.#holdBytesMax) {
        this.#takeLine(part.toString('utf8'), items)
        continue
      }
      if (this.#large?.inData) this.#piece(part, items)
      else this.#append(part, items)
      if (end !== -1) this.#endLine(items)
    }
    return items
  }

  #append(part: Buffer, items: SseItem[]): void {
    this.#line.push(part)
    this.#lineBytes += part.length
    if (this.#large) {
      // `data: ` decides.
      if (this.#lineBytes > dataField.length) this.#beginLargeLine(items)
    } else if (this.#dataBytes + this.#lineBytes > this.#holdBytesMax) {
      this.#grow(items)
    } else if (part.length < part.buffer.byteLength) {
      // Held over to the next chunk: a view would keep the whole of this one.
      this.#line[this.#line.length - 1] = Buffer.from(part)
    }
  }

  /** From here on the event comes in pieces. */
  #grow(items: SseItem[]): void {
    this.#large = { inData: null, lines: this.#data.length }
    if (this.#data.length > 0) items.push({ kind: 'piece', bytes: Buffer.from(this.#data.join('\n')), last: false })
    this.#data = []
    this.#dataBytes = 0
    this.#beginLargeLine(items)
  }

  #beginLargeLine(items: SseItem[]): void {
    const line = Buffer.concat(this.#line)
    this.#dropLine()
    const large = this.#large!
    large.inData = line.subarray(0, dataField.length).equals(dataField)
    if (!large.inData) return
    const value = line.subarray(line[dataField.length] === space ? dataField.length + 1 : dataField.length)
    if (large.lines > 0) items.push({ kind: 'piece', bytes: Buffer.from('\n'), last: false })
    large.lines += 1
    this.#piece(value, items)
  }

  #piece(bytes: Buffer, items: SseItem[]): void {
    if (bytes.length > 0) items.push({ kind: 'piece', bytes, last: false })
  }

  #endLine(items: SseItem[]): void {
    if (this.#large) {
      const blank = this.#large.inData === null && this.#isBlank()
      if (!blank && this.#large.inData === null) this.#beginLargeLine(items)
      this.#dropLine()
      this.#large.inData = null
      if (blank) {
        items.push({ kind: 'piece', bytes: Buffer.alloc(0), last: true })
        this.#large = null
      }
      return
    }
    const text = Buffer.concat(this.#line).toString('utf8')
    this.#dropLine()
    this.#takeLine(text, items)
  }

  /** Whether a line begins here, outside of a large event. */
  get #isFresh(): boolean {
    return this.#lineBytes === 0 && this.#large === null
  }

  #takeLine(text: string, items: SseItem[]): void {
    const line = text.endsWith('\r') ? text.slice(0, -1) : text
    if (line === '') this.#endEvent(items)
    else if (line.startsWith('data:')) {
      const value = valueOf(line, 5)
      this.#data.push(value)
      // An empty line takes room as well.
      this.#dataBytes += value.length + 1
    } else if (line.startsWith('event:')) this.#type = valueOf(line, 6)
    else if (line.startsWith('id:')) this.#id = valueOf(line, 3)
    else if (line.startsWith('retry:') && /^\d+$/.test(valueOf(line, 6))) this.#retry = Number(valueOf(line, 6))
  }

  #endEvent(items: SseItem[]): void {
    if (this.#data.length > 0 || this.#id !== null || this.#retry !== null) {
      items.push({ kind: 'event', data: this.#data.join('\n'), type: this.#type, id: this.#id, retry: this.#retry })
    }
    this.#data = []
    this.#dataBytes = 0
    this.#type = standardType
    this.#id = this.#retry = null
  }

  #isBlank(): boolean {
    return this.#lineBytes === 0 || (this.#lineBytes === 1 && this.#line.some((part) => part[0] === carriageReturn))
  }

  #dropLine(): void {
    this.#line = []
    this.#lineBytes = 0
  }
}

function valueOf(line: string, from: number): string {
  return line.slice(line[from] === ' ' ? from + 1 : from)
}
