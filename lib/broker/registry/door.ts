import type { IncomingMessage, ServerResponse } from 'node:http'
import { appPermissions } from '#lib/auth/rules/app-request.ts'
import { paths } from '#lib/core/paths.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { StrangerLog } from '../audit/strangers.ts'
import type { ResourceAddresses } from '../endpoint/challenge.ts'
import { BodyTooLarge, readBody, send, sendUnread } from '../endpoint/http-messages.ts'
import { RateLimits } from '../rate-limits.ts'
import { type Answer, errorAnswer, refusedAnswer } from '../wire.ts'
import { registryPath } from './messages.ts'
import type { RegistryThread } from './thread.ts'

const bodyBytesMax = 64 * 1024
/** Of one address, before it is known who asks. */
const perSecond = 50

type Parts = {
  /** Where questions are answered: not here, where agents' calls go through. */
  thread: Pick<RegistryThread, 'ask' | 'close'>
  addresses: ResourceAddresses
  strangers: StrangerLog
  isDraining: () => boolean
  onRefused: (rule: string) => void
}

/** `/mcp/registry`: the registry as an MCP server, for people. It is no way to any other server, and no agent's token opens it. */
export class RegistryDoor {
  readonly #parts: Parts
  readonly #addresses = new RateLimits({ agentCallsPerSecond: perSecond, serverCallsPerSecond: 0 })

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = request.socket.remoteAddress ?? 'unknown'
    const refusal = this.#refuse(address)
    if (refusal) return send(response, refusal)
    const text = await this.#read(request)
    if (typeof text === 'object' && text !== null)
      return sendUnread(request, response, { ...text, bytesMax: bodyBytesMax })
    const { method = 'GET', url = '' } = request
    const { brokerUrl } = this.#parts.addresses
    const answer = await this.#parts.thread.ask({ url: brokerUrl + url, method, headers: headersOf(request), text })
    const { denial } = answer
    if (denial) this.#parts.onRefused(denial.rule)
    if (denial && answer.stranger) this.#parts.strangers.note(denial, address)
    send(response, answer)
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

  #refuse(address: string): Answer | null {
    if (this.#parts.isDraining())
      return this.#refused(503, { rule: 'draining', message: 'This broker is being stopped.' })
    const denial = this.#addresses.takeForAgent(address)
    if (!denial) return null
    const answer = this.#refused(429, { ...denial, message: 'Too many requests in a short time.' })
    return { ...answer, headers: { 'retry-after': '1' } }
  }

  /** The body, null where there is none, or the answer that refuses it. */
  async #read(request: IncomingMessage): Promise<string | null | Answer> {
    if (request.method !== 'POST') return null
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
      return errorAnswer(415, null, { code: -32000, message: 'Send application/json.' })
    }
    try {
      return await readBody(request, bodyBytesMax)
    } catch (error) {
      if (!(error instanceof BodyTooLarge)) throw error
      return this.#refused(413, { rule: 'request_too_large', message: error.message })
    }
  }

  #refused(status: number, denial: Denial): Answer {
    this.#parts.onRefused(denial.rule)
    return refusedAnswer(status, null, denial, { portalUrl: this.#parts.addresses.portalUrl })
  }
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const single = Object.entries(headers).filter((pair): pair is [string, string] => typeof pair[1] === 'string')
  return Object.fromEntries(single)
}
