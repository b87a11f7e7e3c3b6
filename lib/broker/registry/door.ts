import type { IncomingMessage, ServerResponse } from 'node:http'
import { appPermissions } from '#lib/auth/rules/app-request.ts'
import { paths } from '#lib/core/paths.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import { onRecord } from '../audit/on-record.ts'
import type { StrangerLog } from '../audit/strangers.ts'
import { auditDenial } from '../denials.ts'
import type { ResourceAddresses } from '../endpoint/challenge.ts'
import { notJsonContent } from '../endpoint/malformed.ts'
import { BodyTooLarge, readBody, send, sendUnread } from '../endpoint/http-messages.ts'
import { UnreadAnswers } from '../endpoint/unread-answers.ts'
import type { Limits } from '../limits.ts'
import { RateLimits } from '../rate-limits.ts'
import { type Answer, refusedAnswer } from '../wire.ts'
import { type GivenAnswer, registryPath } from './messages.ts'
import type { RegistryThread } from './thread.ts'

const bodyBytesMax = 64 * 1024
/** Of one address, before it is known who asks. */
const perSecond = 50

type Refusable = Answer & Pick<GivenAnswer, 'denial' | 'person'>
type Parts = {
  /** Where questions are answered: not here, where agents' calls go through. */
  thread: Pick<RegistryThread, 'ask' | 'close'>
  addresses: ResourceAddresses
  limits: Limits
  strangers: StrangerLog
  isDraining: () => boolean
  onRefused: (rule: string) => void
}

/** `/mcp/registry`: the registry as an MCP server, for people. It is no way to any other server, and no agent's token opens it. */
export class RegistryDoor {
  readonly #parts: Parts
  readonly #addresses = new RateLimits({ agentCallsPerSecond: perSecond, serverCallsPerSecond: 0 })

  readonly #unread: UnreadAnswers

  constructor(parts: Parts) {
    this.#parts = parts
    this.#unread = new UnreadAnswers(parts.limits, 'address')
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = request.socket.remoteAddress ?? 'unknown'
    const refusal = this.#refuse(address)
    if (refusal) return send(response, await this.#onRecord(refusal, address))
    const text = await this.#read(request)
    if (typeof text === 'object' && text !== null) {
      const answer = await this.#onRecord(text, address)
      return sendUnread(request, response, { ...answer, bytesMax: bodyBytesMax })
    }
    const { method = 'GET', url = '' } = request
    const { brokerUrl } = this.#parts.addresses
    const answer = await this.#parts.thread.ask({ url: brokerUrl + url, method, headers: headersOf(request), text })
    send(response, await this.#onRecord(answer, address))
    this.#unread.hold(address, response)
  }

  /** RFC 9728: who issues tokens for it, and what may be asked for. */
  metadata(): Record<string, unknown> {
    const { brokerUrl, portalUrl } = this.#parts.addresses
    return {
      resource: brokerUrl + registryPath,
      authorization_servers: [portalUrl],
      scopes_supported: appPermissions,
      bearer_methods_supported: ['header'],
      resource_name: 'Wheelhouse registry',
      resource_documentation: portalUrl + paths.apps(),
    }
  }

  async close(): Promise<void> {
    await this.#parts.thread.close()
  }

  /** A refusal leaves when it is on record; who it is about is named where that is known. */
  async #onRecord(answer: Refusable, address: string): Promise<Answer> {
    const { denial, person, ...rest } = answer
    if (!denial) return rest
    this.#parts.onRefused(denial.rule)
    // Of a broker that ends nothing is decided about anybody.
    const noted =
      denial.rule === 'draining' || (await onRecord(this.#parts.strangers.note({ denial, address, person })))
    if (noted !== null) return rest
    this.#parts.onRefused(auditDenial.rule)
    return this.#refused(503, auditDenial)
  }

  #refuse(address: string): Refusable | null {
    if (this.#parts.isDraining())
      return this.#refused(503, { rule: 'draining', message: 'This broker is being stopped.' })
    const denial = this.#addresses.takeForAgent(address)
    const full = this.#unread.refusalOf(address)
    if (!denial && full) return this.#refused(full.status, full.denial)
    if (!denial) return null
    const answer = this.#refused(429, { ...denial, message: 'Too many requests in a short time.' })
    return { ...answer, headers: { 'retry-after': '1' } }
  }

  /** The body, null where there is none, or the answer that refuses it. */
  async #read(request: IncomingMessage): Promise<string | null | Refusable> {
    if (request.method !== 'POST') return null
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
      return { ...notJsonContent.answer, denial: notJsonContent.denial }
    }
    try {
      return await readBody(request, bodyBytesMax)
    } catch (error) {
      if (!(error instanceof BodyTooLarge)) throw error
      return this.#refused(413, { rule: 'request_too_large', message: error.message })
    }
  }

  #refused(status: number, denial: Denial): Refusable {
    const answer = refusedAnswer(status, null, denial, { portalUrl: this.#parts.addresses.portalUrl })
    return { ...answer, denial }
  }
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const single = Object.entries(headers).filter((pair): pair is [string, string] => typeof pair[1] === 'string')
  return Object.fromEntries(single)
}
