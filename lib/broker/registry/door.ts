import type { IncomingMessage, ServerResponse } from 'node:http'
import { createMcpHandler, type McpHttpHandler } from '@modelcontextprotocol/server'
import { can, type Ctx } from '#lib/auth/ctx.ts'
import { appPermissions } from '#lib/auth/rules/app-request.ts'
import { paths } from '#lib/core/paths.ts'
import { DomainError } from '#lib/core/errors.ts'
import { newRequestId } from '#lib/core/ids.ts'
import type { Db } from '#lib/db/client.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { Log } from '#lib/log/log.ts'
import type { StrangerLog } from '../audit/strangers.ts'
import { isDeeperThan } from '../depth.ts'
import { metadataPath, type ResourceAddresses } from '../endpoint/challenge.ts'
import { BodyTooLarge, readBody, send } from '../endpoint/http-messages.ts'
import { answerWithSdk } from '../endpoint/sdk.ts'
import { RateLimits } from '../rate-limits.ts'
import { type Answer, errorAnswer, refusedAnswer, refusedCode, type RpcId } from '../wire.ts'
import { authenticatePerson } from './authenticate.ts'
import { askOnRecord } from './record.ts'
import { registryServer } from './server.ts'
import { registryTools } from './tools.ts'

export const registryPath = '/mcp/registry'

const bodyBytesMax = 64 * 1024
const depthMax = 32
/** People ask by way of a model: some questions at once, not hundreds. */
const perSecond = { person: 10, address: 50 }

type Parts = {
  db: Db
  /** Whether tokens of demo people count. */
  demoPeople: boolean
  addresses: ResourceAddresses
  strangers: StrangerLog
  now: () => Date
  isDraining: () => boolean
  onRefused: (rule: string) => void
  log: Log
}

/** `/mcp/registry`: the registry as an MCP server, for people. It is no way to any other server, and no agent's token opens it. */
export class RegistryDoor {
  readonly #parts: Parts
  readonly #handler: McpHttpHandler
  readonly #people = new RateLimits({ agentCallsPerSecond: perSecond.person, serverCallsPerSecond: 0 })
  readonly #addresses = new RateLimits({ agentCallsPerSecond: perSecond.address, serverCallsPerSecond: 0 })

  constructor(parts: Parts) {
    this.#parts = parts
    this.#handler = createMcpHandler(({ authInfo }) => registryServer(authInfo?.extra?.['ctx'] as Ctx), {
      maxSubscriptions: 64,
      onerror: (error) => parts.log.debug({ err: error }, 'a question to the registry failed'),
    })
  }

  async answer(request: IncomingMessage, response: ServerResponse, gone: AbortSignal): Promise<void> {
    const refusal = this.#parts.isDraining()
      ? this.#refused(503, { rule: 'draining', message: 'This broker is being stopped.' })
      : this.#limited(this.#addresses, request.socket.remoteAddress ?? 'unknown')
    if (refusal) return send(response, refusal)
    const person = await this.#personOf(request)
    if ('status' in person) return send(response, person)
    const limited = this.#limited(this.#people, person.actor.id)
    if (limited) return send(response, limited)
    const read = await this.#read(request)
    if ('status' in read) return send(response, read)
    const unseen = await refuseUnseenTool(person, read.body)
    if (unseen) return send(response, unseen)
    const { method = 'GET', headers, url = '' } = request
    const fetch: McpHttpHandler['fetch'] = (asked, options) =>
      this.#handler.fetch(asked, {
        ...options,
        authInfo: { token: '', clientId: '', scopes: [], extra: { ctx: person } },
      })
    const handler = { ...this.#handler, fetch }
    const exchange = { url: this.#parts.addresses.brokerUrl + url, method, headers, gone, session: null }
    return await answerWithSdk(handler, { ...exchange, ...read }, response)
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
    await this.#handler.close()
  }

  async #personOf(request: IncomingMessage): Promise<Ctx | Answer> {
    const { db, demoPeople, strangers } = this.#parts
    const { brokerUrl } = this.#parts.addresses
    const now = this.#parts.now()
    const person = await authenticatePerson(db, { request, now, resource: brokerUrl + registryPath, demoPeople })
    if (person.ok) return { db, actor: person.value, now, requestId: newRequestId() }
    const denial = person.error
    strangers.note(denial, request.socket.remoteAddress ?? 'unknown')
    const answer = this.#refused(denial.rule === 'registry_nothing_allowed' ? 403 : 401, denial)
    return { ...answer, headers: { ...answer.headers, 'www-authenticate': this.#challenge(denial) } }
  }

  /** RFC 6750 §3 and RFC 9728 §5.1: what is wrong, where to get a token, and what to ask for. */
  #challenge({ rule, message }: Denial): string {
    const metadata = `resource_metadata="${this.#parts.addresses.brokerUrl}${metadataPath}${registryPath}"`
    const scope = `scope="${appPermissions.join(' ')}"`
    if (rule === 'token_missing') return `Bearer ${metadata}, ${scope}`
    const error = rule === 'registry_nothing_allowed' ? 'insufficient_scope' : 'invalid_token'
    return `Bearer error="${error}", error_description="${rule}: ${message}", ${metadata}, ${scope}`
  }

  #limited(limits: RateLimits, key: string): Answer | null {
    const denial = limits.takeForAgent(key)
    if (!denial) return null
    const message = 'Too many requests in a short time.'
    const answer = this.#refused(429, { ...denial, message })
    const { retryAfterMs } = (denial.facts ?? {}) as { retryAfterMs?: number }
    return { ...answer, headers: { 'retry-after': String(Math.ceil((retryAfterMs ?? 1000) / 1000)) } }
  }

  async #read(request: IncomingMessage): Promise<{ text: string | null; body: unknown } | Answer> {
    if (request.method !== 'POST') return { text: null, body: undefined }
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
      return errorAnswer(415, null, { code: -32000, message: 'Send application/json.' })
    }
    try {
      const text = await readBody(request, bodyBytesMax)
      const body: unknown = JSON.parse(text)
      if (!isDeeperThan(body, depthMax)) return { text, body }
      return this.#refused(400, {
        rule: 'request_too_deep',
        message: `A request may be nested ${depthMax} levels deep.`,
      })
    } catch (error) {
      if (error instanceof BodyTooLarge)
        return this.#refused(413, { rule: 'request_too_large', message: error.message })
      if (!(error instanceof SyntaxError)) throw error
      return errorAnswer(400, null, { code: -32700, message: 'Parse error: the request body is not valid JSON' })
    }
  }

  #refused(status: number, denial: Denial): Answer {
    this.#parts.onRefused(denial.rule)
    return refusedAnswer(status, null, denial, { portalUrl: this.#parts.addresses.portalUrl })
  }
}

/** A tool that exists but is not this person's to ask is refused with its rule and on record, not as if it did not exist. */
async function refuseUnseenTool(ctx: Ctx, body: unknown): Promise<Answer | null> {
  const { method, id, params } = (body ?? {}) as { method?: unknown; id?: RpcId; params?: Record<string, unknown> }
  if (method !== 'tools/call') return null
  const tool = registryTools.find(({ name }) => name === params?.['name'])
  if (!tool || can(ctx.actor, tool.permission)) return null
  const { name, permission } = tool
  try {
    await askOnRecord(ctx, { tool: name, arguments: params?.['arguments'], permission }, () => Promise.resolve())
    return null
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    const { rule = error.code } = error.details
    return errorAnswer(200, id ?? null, { code: refusedCode, message: error.message, data: { rule } })
  }
}
