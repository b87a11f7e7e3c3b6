import type { ResultFindings } from '#lib/guardrails/rules/guard-result.ts'
import { noticeFoundRow, streamOpenedRow } from '../audit/stream-records.ts'
import { auditDenial } from '../denials.ts'
import { guardMessage } from '../guards.ts'
import { type PipelineParts, recorded } from '../pipeline-parts.ts'
import { statusMethod as taskStatus } from '../tasks/messages.ts'
import type { RpcMessage } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import { AskCount, type Occasion } from './asks.ts'
import { logged, pageDone } from './changes.ts'
import type { MarkedCall } from './event-marks.ts'
import type { Listener } from './listening.ts'
import { changes } from './talk.ts'

/** Whatever else a server says has no meaning that an agent knows, and its name could say anything. */
const toldMethods = new Set<unknown>([
  ...changes,
  logged,
  'notifications/progress',
  'notifications/cancelled',
  pageDone,
  taskStatus,
])

/**
 * What a server tells over a stream that no call began: guarded as results are, and nothing of it before it is on the record that the stream
 * was opened. What is found is recorded before it is told, the first time of each kind: a server that says the same without end fills no log.
 */
export class ToldStream implements Occasion {
  readonly #parts: PipelineParts
  readonly #listener: Listener
  readonly #server: BrokeredServer
  readonly #opened = Promise.withResolvers<boolean>()
  readonly #found = new Set<string>()
  /** What is asked over it. */
  readonly count = new AskCount()

  constructor(parts: PipelineParts, listener: Listener, server: BrokeredServer) {
    this.#parts = parts
    this.#listener = listener
    this.#server = server
  }

  /** The server has opened it; what it tells waits until that is on the record. Of a stream that cannot be recorded nothing is told. */
  async open({ resumes, end }: { resumes: MarkedCall; end: (denial: typeof auditDenial) => void }): Promise<void> {
    const { caller, agent } = this.#listener
    const about = { serverId: this.#server.id, resumes: resumes?.tool ?? null, now: this.#parts.now() }
    const durable = await recorded(this.#parts, streamOpenedRow({ caller, agent }, about), { happened: false })
    this.#opened.resolve(durable)
    if (!durable) end(auditDenial)
  }

  /** It is on the record in another way. */
  recorded(): this {
    this.#opened.resolve(true)
    return this
  }

  onRecord(): Promise<boolean> {
    return this.#opened.promise
  }

  /** The message as the agent may be told it; null when it may not. */
  async guard(message: RpcMessage): Promise<RpcMessage | null> {
    if (!toldMethods.has(message['method']) || !(await this.onRecord())) return null
    const { message: told, findings } = guardMessage(this.#server, message)
    if (!findings || !this.#isNew(findings)) return told
    const { caller, agent } = this.#listener
    const refused = told ? null : ('result_marked' as const)
    const about = { serverId: this.#server.id, method: String(message['method']), findings, refused }
    const row = noticeFoundRow({ caller, agent }, { ...about, now: this.#parts.now() })
    return (await recorded(this.#parts, row, { happened: false })) ? told : null
  }

  #isNew({ masked, marks }: ResultFindings): boolean {
    const before = this.#found.size
    for (const kind of [...Object.keys(masked), ...marks]) this.#found.add(kind)
    return this.#found.size > before
  }
}
