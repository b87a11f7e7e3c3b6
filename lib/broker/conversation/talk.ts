import { isExactNumber } from '#lib/core/exact-json.ts'
import type { ResultFindings } from '#lib/guardrails/rules/guard-result.ts'
import { type CallRecord, intendedRow } from '../audit/records.ts'
import type { AgentSession } from '../endpoint/sessions.ts'
import { guardMessage, joinFindings } from '../guards.ts'
import type { HoldProgress } from '../holding/hold.ts'
import type { AgentStream } from '../endpoint/agent-stream.ts'
import { type PipelineParts, recorded } from '../pipeline-parts.ts'
import { type Envelope, metaKey } from '../upstream/envelope.ts'
import { mergedNotice } from '../merged-results.ts'
import type { AnswerTime } from './answer-time.ts'
import { logged, mayBeTold, pageDone } from './changes.ts'
import type { EventMark, RpcMessage } from '../upstream/http.ts'
import type { BrokeredServer } from '../view/view.ts'
import type { Era } from '../wire.ts'

const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']
let lastToken = 0

export function isLogLevel(level: string): boolean {
  return levels.includes(level)
}

/** The call that an exchange is about, and how long it still has. `intended`: its intent is on the record, as that of every change is. */
export type ToldCall = { server: BrokeredServer; record: CallRecord; time: AnswerTime; intended: boolean }

/** One request's exchange with its agent: what of the server's notifications the agent is sent while it waits. */
export class Talk {
  readonly era: Era
  readonly stream: AgentStream
  readonly session: AgentSession | null
  /** What the agent can be asked for, as it said. */
  readonly capabilities: Readonly<Record<string, unknown>> | undefined
  readonly #token: string | number | undefined
  readonly #logLevel: string | undefined
  /** Whether it is at the merged endpoint. */
  readonly #merged: boolean
  /** What was told of waiting; the server's own progress is told when it has come further. */
  #progress = 0
  #upstreamToken: string | number | undefined
  #parts: PipelineParts | null = null
  #call: ToldCall | null = null
  #recorded: Promise<boolean> | null = null
  /** Requests that were sent to the server for this one, where it takes several. */
  requests = 0
  /** What was found in what the server said before its answer. */
  findings: ResultFindings | null = null

  constructor(
    era: Era,
    params: Record<string, unknown>,
    { stream, session, merged = false }: Pick<Talk, 'stream' | 'session'> & { merged?: boolean },
  ) {
    this.era = era
    this.stream = stream
    this.session = session
    this.#merged = merged
    const meta = params['_meta'] as Record<string, unknown> | undefined
    const token = meta?.['progressToken']
    this.#token = typeof token === 'string' || typeof token === 'number' ? token : undefined
    const level = era === 'modern' ? meta?.[metaKey.logLevel] : session?.logLevel
    this.#logLevel = typeof level === 'string' && isLogLevel(level) ? level : undefined
    const declared = era === 'modern' ? meta?.[metaKey.capabilities] : session?.capabilities
    this.capabilities = declared as Record<string, unknown> | undefined
  }

  /** The agent's part of the envelope. Over a connection that many share progress goes under a name of the broker's. */
  envelope({ shared }: { shared: boolean }): Envelope {
    const logLevel = this.#logLevel !== undefined && this.#mayHear(logged) ? this.#logLevel : undefined
    if (this.#token === undefined && logLevel === undefined) return none
    if (this.#token !== undefined) this.#upstreamToken = shared ? (lastToken += 1) : this.#token
    return { logLevel, progressToken: this.stream.accepts ? this.#upstreamToken : undefined }
  }

  /** From now on a server may say something: what is told of it is about this call. */
  begin(parts: PipelineParts, call: ToldCall): void {
    this.#parts = parts
    this.#call = call
  }

  /**
   * Whether the call is on the record. One that only reads is put there when the first thing is to be told of it, so one whose server says
   * nothing before its answer waits for nothing.
   */
  onRecord(): true | Promise<boolean> {
    if (!this.#call || !this.#parts) return Promise.resolve(false)
    if (this.#call.intended) return true
    if (this.#recorded) return this.#recorded
    this.#recorded = recorded(this.#parts, intendedRow(this.#call.record, this.#parts.now()), { happened: false })
    return this.#recorded
  }

  /** Sends what the server says, guarded, as soon as the call is on the record; never, if that cannot be. */
  tell(notice: RpcMessage, mark?: EventMark): Promise<void> | void {
    if (!this.stream.takes) return
    const isOnRecord = this.onRecord()
    if (isOnRecord === true) return this.#say(notice, mark)
    return isOnRecord.then((durable) => (durable ? this.#say(notice, mark) : undefined))
  }

  #say(notice: RpcMessage, mark: EventMark | undefined): Promise<void> | void {
    const { message, findings } = guardMessage(this.#call!.server, notice, { ownToken: true })
    if (findings) this.findings = joinFindings(this.findings, findings)
    if (message) return this.stream.send(message, mark)
  }

  /** Tells how long the call has waited for a person; undefined when the agent does not want to hear. */
  get onProgress(): ((waited: HoldProgress) => void) | undefined {
    if (this.#token === undefined || !this.stream.accepts) return undefined
    return ({ waitedMs, totalMs, message }) => {
      // Progress must grow with each notification, whatever the clock says.
      this.#progress = Math.max(this.#progress + 1, Math.round(waitedMs / 1000))
      const total = Math.ceil(totalMs / 1000)
      const params = { progressToken: this.#token, progress: this.#progress, total, message }
      void this.stream.send({ jsonrpc: '2.0', method: 'notifications/progress', params })
    }
  }

  /** Goes on where another exchange of the same call ended: the server knows progress by the name it was given then. */
  continued(before: Talk | null): this {
    this.#upstreamToken = before === null ? undefined : before.#upstreamToken
    return this
  }

  /** The relay of a request over a shared connection: notifications, and nothing the agent would have to answer. */
  take(message: RpcMessage | null, _mark: EventMark): Promise<void> | void {
    const notice = message && this.noticeOf(message)
    if (notice) return this.tell(notice)
  }

  /** Whether the server says of this request that it is at work. */
  isProgress({ method, params }: RpcMessage): boolean {
    if (method !== 'notifications/progress' || this.#upstreamToken === undefined) return false
    return (params as { progressToken?: unknown } | null | undefined)?.progressToken === this.#upstreamToken
  }

  /** A notification as the agent gets it while its request runs; null when it gets none. With progress the call has its time again. */
  noticeOf(message: RpcMessage): RpcMessage | null {
    if (message['id'] !== undefined) return null
    const isProgress = this.isProgress(message)
    if (isProgress) this.#call?.time.progressed()
    const params = (message['params'] ?? {}) as Record<string, unknown>
    switch (message['method']) {
      case 'notifications/progress':
        if (!isProgress || this.#token === undefined) return null
        if (this.#progress > 0 && !isBeyond(params['progress'], this.#progress)) return null
        return { ...message, params: { ...params, progressToken: this.#token } }
      case logged:
        return this.#wantsLog(params['level']) && this.#mayHear(logged) ? message : null
      case pageDone:
        return this.era === 'legacy' && this.#mayHear(pageDone) ? message : null
      default:
        // Since 2026-07-28 changes are told on the streams that ask for them.
        if (this.era !== 'legacy' || !changes.has(message['method']) || !this.#mayHear(message['method'])) return null
        return this.#merged && this.#call ? mergedNotice(this.#call.server.id, message) : message
    }
  }

  #mayHear(notice: unknown): boolean {
    if (!this.#call || !this.#parts) return false
    const { record, server } = this.#call
    return mayBeTold(this.#parts, { caller: record.caller, serverId: server.id }, notice)
  }

  #wantsLog(level: unknown): boolean {
    if (this.#logLevel === undefined) return this.era === 'legacy'
    return isAtLeast(level, this.#logLevel)
  }
}

function isAtLeast(level: unknown, wanted: string): boolean {
  return typeof level === 'string' && levels.indexOf(level) >= levels.indexOf(wanted)
}

/** Whether it is a message of a log that is less than is wanted. */
export function isBelow({ method, params }: RpcMessage, wanted: string | undefined): boolean {
  if (method !== logged || wanted === undefined) return false
  return !isAtLeast((params as { level?: unknown } | undefined)?.level, wanted)
}

/** Progress that a double does not hold is beyond whatever was told. */
function isBeyond(progress: unknown, told: number): boolean {
  return isExactNumber(progress) || (typeof progress === 'number' && progress > told)
}

const none: Envelope = {}
export const changes: ReadonlySet<unknown> = new Set<unknown>([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
])
