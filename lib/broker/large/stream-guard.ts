import { type InjectionMark, injectionMarks, marksIn } from '#lib/guardrails/rules/injection.ts'
import { secretsIn } from '#lib/guardrails/rules/secrets.ts'
import type { ResultFindings } from '#lib/guardrails/rules/guard-result.ts'
import type { Redact } from '#lib/core/redaction.ts'
import { unescaped } from './unescaped.ts'

/** The longest secret that is looked for (a JWT) fits twice, as does a credential in any form; of a private key only its ends matter. */
const overlap = 32 * 1024
const keyEnd = '-----END '
const keyClose = '-----'
/** The last line of a private key is not longer. */
const keyEndMax = 200
/** What an escape takes, at most, of the JSON text. */
const escapeMax = 6
/** The name of a value, and what stands between them. */
const nameMax = 64

/**
 * Guards an answer that is passed on while it arrives: takes the server's own credential out of its JSON text, masks secrets as
 * `guardResult` does in the parsed one, and notes marks of prompt injection. Both are looked for in what the text says once its escapes are
 * resolved; what leaves is spelled as it came. It holds back only as much as the longest secret needs, so that none is cut in two unseen.
 */
export class StreamGuard {
  readonly #mask: boolean
  readonly #redact: Redact
  readonly #decoder = new TextDecoder()
  readonly #masked: ResultFindings['masked'] = {}
  readonly #marks = new Set<InjectionMark>()
  #held = ''
  /** Longer than this, some of it is let go. */
  #heldMax = 2 * overlap
  /** Within a private key whose end has not come yet: nothing leaves. */
  #inKey = false

  constructor(options: { mask: boolean; redact: Redact }) {
    this.#mask = options.mask
    this.#redact = options.redact
  }

  /** What may leave after this chunk. */
  push(chunk: Buffer): string {
    this.#held += this.#decoder.decode(chunk, { stream: true })
    if (this.#held.length <= this.#heldMax) return ''
    const out = this.#release(overlap)
    // Of a text full of escapes more is kept: it is looked at again when as much has come again.
    this.#heldMax = 2 * Math.max(this.#held.length, overlap)
    return out
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
    const wire = this.#redact(this.#held)
    const { text, wireAt } = unescaped(wire)
    let until = text.length - kept
    const last = kept === 0
    for (const mark of marksIn(text) ?? []) this.#marks.add(mark)
    let out = ''
    let from = 0
    for (const { kind, start, end } of (this.#mask && secretsIn(text)) || []) {
      if (start >= until) {
        // Without its name nobody would know it again.
        if (kind === 'named_secret') until = Math.min(until, start - nameMax)
        break
      }
      out += `${wire.slice(wireAt(from), wireAt(start))}[masked: ${kind}]`
      this.#masked[kind] = (this.#masked[kind] ?? 0) + 1
      from = end
      // A private key without an end goes to the end of what is here.
      this.#inKey = kind === 'private_key' && end === text.length && !last
    }
    const to = wholeCharacter(wire, wireAt(from), wireAt(Math.max(from, until)))
    // Of a key that goes on only the beginning of its last line may be here: it is kept to be found, and never leaves.
    this.#held = this.#inKey ? wire.slice(-keyEndMax * escapeMax) : wire.slice(to)
    return out + wire.slice(wireAt(from), to)
  }

  /** Drops what still belongs to the key; false when all of it does. */
  #leaveKey(kept: number): boolean {
    const { text, wireAt } = unescaped(this.#held)
    const end = text.indexOf(keyEnd)
    const close = end === -1 ? -1 : text.indexOf(keyClose, end + keyEnd.length)
    if (close === -1) {
      // What might be the beginning of its end stays.
      this.#held = kept === 0 ? '' : this.#held.slice(-kept)
      return false
    }
    this.#held = this.#held.slice(wireAt(close + keyClose.length))
    this.#inKey = false
    return true
  }
}

/** Where a text may be cut so that no character is: of halves that leave apart nobody makes one again. */
function wholeCharacter(text: string, from: number, to: number): number {
  const code = text.charCodeAt(to - 1)
  return to > from && to < text.length && code >= 0xd800 && code <= 0xdbff ? to - 1 : to
}
