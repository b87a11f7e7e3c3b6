import type { Ctx } from '#lib/auth/ctx.ts'
import type { Log } from '#lib/log/log.ts'
import { recordCredentialExpiry, recordCredentialTrouble, recordCredentialWorks } from '#lib/registry/commands.ts'

/** The same trouble is written again, and a success without trouble before looks for that of another broker, this often. */
const againMs = 60_000
/** Another broker's trouble that it has not confirmed for so long is over once it goes here. */
const staleMs = 2 * againMs
/** What goes and fails in turns is not written with every turn. */
const calmMs = 10_000

/** Tells the registry how one credential fares: trouble when it begins or changes, that it is over with the first success. */
export class CredentialReport {
  readonly #parts: { credentialId: string; ctx: () => Ctx; log: Log }
  /** What was written last; null: that it works. */
  #said: string | null = null
  #saidAt = Number.NEGATIVE_INFINITY
  #clearedAt = Number.NEGATIVE_INFINITY
  /** One after the other, so that what happened last is what stands there. */
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: { credentialId: string; ctx: () => Ctx; log: Log }) {
    this.#parts = parts
  }

  /** Resolves when it is written: whoever looks because somebody was refused finds why. */
  async trouble(message: string, wantedScope: string | null = null): Promise<void> {
    const said = `${message} ${wantedScope ?? ''}`
    const now = performance.now()
    if (said === this.#said && now - this.#saidAt < againMs) return await this.#writing
    this.#said = said
    this.#saidAt = now
    const { credentialId, ctx } = this.#parts
    await this.#write(() => recordCredentialTrouble(ctx(), { credentialId, message, wantedScope }))
  }

  /** With every call that the server takes: nothing but a look at the clock after a success. */
  works(): void {
    const now = performance.now()
    const wasTrouble = this.#said !== null
    if (wasTrouble ? now - this.#clearedAt < calmMs : now - this.#saidAt < againMs) return
    if (wasTrouble) this.#clearedAt = now
    this.#said = null
    this.#saidAt = now
    const { credentialId, ctx } = this.#parts
    void this.#write(async () => {
      const at = ctx()
      const before = new Date(at.now.getTime() - (wasTrouble ? 0 : staleMs))
      await recordCredentialWorks(at, { credentialId, before })
    })
  }

  /** What it shows now ends then; null: that is not known. */
  async renewed(expiresAt: number | null): Promise<void> {
    const { credentialId, ctx } = this.#parts
    await this.#write(() => recordCredentialExpiry(ctx(), { credentialId, expiresAt }))
  }

  #write(work: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing.then(work).catch((error: unknown) => {
      this.#saidAt = Number.NEGATIVE_INFINITY
      this.#parts.log.warn(
        { err: error, credential: this.#parts.credentialId },
        'how a credential fares could not be recorded',
      )
    })
    return this.#writing
  }
}
