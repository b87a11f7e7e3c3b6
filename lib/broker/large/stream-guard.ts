import { type InjectionMark, injectionMarks, marksIn } from '#lib/guardrails/rules/injection.ts'
import { secretsIn } from '#lib/guardrails/rules/secrets.ts'
import type { ResultFindings } from '#lib/guardrails/rules/guard-result.ts'
import type { Redact } from '../upstream/redaction.ts'

/** The longest secret that is looked for (a JWT) fits twice, as does a credential in any form; of a private key only its ends matter. */
const overlap = 32 * 1024
const keyEnd = '-----END '
const keyClose = '-----'
/** The last line of a private key is not longer. */
const keyEndMax = 200

/**
 * Guards an answer that is passed on while it arrives: takes the server's own credential out of its JSON text, masks secrets as
 * `guardResult` does in the parsed one, and notes marks of prompt injection. It holds back only
 * as much as the longest secret needs, so that none is cut in two unseen.
 */
export class StreamGuard {
  readonly #mask: boolean
  readonly #redact: Redact
  readonly #decoder = new TextDecoder()
  readonly #masked: ResultFindings['masked'] = {}
  readonly #marks = new Set<InjectionMark>()
  #held = ''
  /** Within a private key whose end has not come yet: nothing leaves. */
  #inKey = false

  constructor(options: { mask: boolean; redact: Redact }) {
    this.#mask = options.mask
    this.#redact = options.redact
  }

  /** What may leave after this chunk. */
  push(chunk: Buffer): string {
    this.#held += this.#decoder.decode(chunk, { stream: true })
    return this.#held.length > 2 * overlap ? this.#release(overlap) : ''
  }

  /** The rest. */
  end(): string {
    this.#held += this.#decoder.decode()
    return this.#release(0)
  }

  /** What was found so far; null: nothing. */
  get findings(): ResultFindings | null {
    if (this.#marks.size === 0 && Object.keys(this.#masked).length === 0) return null
    return { masked: this.#masked, marks: injectionMarks.filter((mark) => this.#marks.has(mark)) }
  }

  /** Lets go of all but the last `kept` characters, or of less when a secret lies across. */
  #release(kept: number): string {
    if (this.#inKey && !this.#leaveKey(kept)) return ''
    const text = this.#redact(this.#held)
    const until = text.length - kept
    const last = kept === 0
    for (const mark of marksIn(text) ?? []) this.#marks.add(mark)
    let out = ''
    let from = 0
    for (const { kind, start, end } of (this.#mask && secretsIn(text)) || []) {
      if (start >= until) break
      out += `${text.slice(from, start)}[masked: ${kind}]`
      this.#masked[kind] = (this.#masked[kind] ?? 0) + 1
      from = end
      // A private key without an end goes to the end of what is here.
      this.#inKey = kind === 'private_key' && end === text.length && !last
    }
    const to = Math.max(from, Math.min(until, text.length))
    // Of a key that goes on only the beginning of its last line may be here: it is kept to be found, and never leaves.
    this.#held = this.#inKey ? text.slice(-keyEndMax) : text.slice(to)
    return out + text.slice(from, to)
  }

  /** Drops what still belongs to the key; false when all of it does. */
  #leaveKey(kept: number): boolean {
    const end = this.#held.indexOf(keyEnd)
    const close = end === -1 ? -1 : this.#held.indexOf(keyClose, end + keyEnd.length)
    if (close === -1) {
      // What might be the beginning of its end stays.
      this.#held = kept === 0 ? '' : this.#held.slice(-kept)
      return false
    }
    this.#held = this.#held.slice(close + keyClose.length)
    this.#inKey = false
    return true
  }
}
