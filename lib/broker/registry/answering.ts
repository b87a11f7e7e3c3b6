import { createMcpHandler, type McpHttpHandler } from '@modelcontextprotocol/server'
import { can, type Ctx } from '#lib/auth/ctx.ts'
import { appPermissions } from '#lib/auth/rules/app-request.ts'
import { DomainError } from '#lib/core/errors.ts'
import { parseJson } from '#lib/core/parse-json.ts'
import { newRequestId } from '#lib/core/ids.ts'
import type { Db } from '#lib/db/client.ts'
import type { Denial } from '#lib/guardrails/schema.ts'
import type { Log } from '#lib/log/log.ts'
import { type BrokerLimits, requestTooDeep } from '#lib/guardrails/rules/request-limits.ts'
import { inexactDenial } from '../denials.ts'
import { metadataPath, type ResourceAddresses } from '../endpoint/challenge.ts'
import { notJson } from '../endpoint/malformed.ts'
import { RateLimits } from '../rate-limits.ts'
import { type Answer, errorAnswer, refusedAnswer, refusedCode, type RpcId } from '../wire.ts'
import { authenticatePerson } from './authenticate.ts'
import { type AskedRequest, type GivenAnswer, registryPath } from './messages.ts'
import { type Asker, askOnRecord } from './record.ts'
import { registryServer } from './server.ts'
import { registryTools } from './tools.ts'

const depthMax = 32
/** People ask by way of a model: some questions at once, not hundreds. */
const perSecond = 10

type Parts = {
  db: Db
  demoPeople: boolean
  addresses: ResourceAddresses
  /** How much and how often this broker takes. */
  limits: BrokerLimits
  now: () => Date
  log: Log
}

/** Who asks and what they may, and then the SDK's server with the tools that person may ask. */
export class RegistryAnswers {
  readonly #parts: Parts
  readonly #handler: McpHttpHandler
  readonly #people = new RateLimits({ agentCallsPerSecond: perSecond, serverCallsPerSecond: 0 })

  constructor(parts: Parts) {
    this.#parts = parts
    this.#handler = createMcpHandler(
      ({ authInfo }) => registryServer({ ctx: authInfo?.extra?.['ctx'] as Ctx, log: parts.log }, parts.limits),
      {
        onerror: (error) => parts.log.debug({ err: error }, 'a question to the registry failed'),
      },
    )
  }

  async answer(request: AskedRequest): Promise<GivenAnswer> {
    const person = await this.#personOf(request)
    if (!('actor' in person)) return person
    const refused = (status: number, denial: Denial) => ({ ...this.#refused(status, denial), person: person.actor })
    const limited = this.#people.takeForAgent(person.actor.id)
    if (limited) return refused(429, { ...limited, message: 'Too many questions in a short time.' })
    const { text } = request
    const body = text === null ? undefined : parse(text)
    if (text !== null && body === undefined) {
      return { ...plain(notJson.answer), denial: notJson.denial, person: person.actor }
    }
    const tooDeep = requestTooDeep(body, { requestDepthMax: depthMax })
    if (tooDeep) return refused(400, tooDeep)
    const inexact = text === null ? null : inexactDenial(text)
    if (inexact) return refused(400, inexact)
    const asker = { ctx: person, log: this.#parts.log }
    const refusal = refuseStream(body) ?? (await refuseUnseenTool(asker, body))
    return refusal ? plain(refusal) : await this.#answerWithSdk(request, { person, body })
  }

  async close(): Promise<void> {
    await this.#handler.close()
  }

  async #answerWithSdk(request: AskedRequest, { person, body }: { person: Ctx; body: unknown }): Promise<GivenAnswer> {
    const { url, method, text } = request
    // The token is verified and goes no further.
    const { authorization: _, ...headers } = request.headers
    const answer = await this.#handler.fetch(new Request(url, { method, headers, body: text }), {
      ...(text === null ? {} : { parsedBody: body }),
      authInfo: { token: '', clientId: '', scopes: [], extra: { ctx: person } },
    })
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() }
  }

  async #personOf({ headers: { authorization } }: AskedRequest): Promise<Ctx | GivenAnswer> {
    const { db, demoPeople, addresses } = this.#parts
    const now = this.#parts.now()
    const resource = addresses.brokerUrl + registryPath
    const person = await authenticatePerson(db, { authorization, now, resource, demoPeople })
    if (person.ok) return { db, actor: person.value, now, requestId: newRequestId() }
    const { denial, person: who } = person.error
    const answer = this.#refused(denial.rule === 'registry_nothing_allowed' ? 403 : 401, denial)
    const headers = { ...answer.headers, 'www-authenticate': this.#challenge(denial) }
    return { ...answer, headers, ...(who ? { person: who } : {}) }
  }

  /** RFC 6750 §3 and RFC 9728 §5.1: what is wrong, where to get a token, and what to ask for. */
  #challenge({ rule, message }: Denial): string {
    const metadata = `resource_metadata="${this.#parts.addresses.brokerUrl}${metadataPath}${registryPath}"`
    const scope = `scope="${appPermissions.join(' ')}"`
    if (rule === 'token_missing') return `Bearer ${metadata}, ${scope}`
    const error = rule === 'registry_nothing_allowed' ? 'insufficient_scope' : 'invalid_token'
    return `Bearer error="${error}", error_description="${rule}: ${message}", ${metadata}, ${scope}`
  }

  #refused(status: number, denial: Denial): GivenAnswer {
    const answer = plain(refusedAnswer(status, null, denial, { portalUrl: this.#parts.addresses.portalUrl }))
    const { retryAfterMs } = (denial.facts ?? {}) as { retryAfterMs?: number }
    if (retryAfterMs === undefined) return { ...answer, denial }
    const headers = { ...answer.headers, 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }
    return { ...answer, headers, denial }
  }
}

function plain({ status, headers = {}, body }: Answer): GivenAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body }
}

function parse(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

type Call = { method?: unknown; id?: RpcId; params?: Record<string, unknown> }

/** Nothing of the registry is told by itself: there is nothing to subscribe to. */
function refuseStream(body: unknown): Answer | null {
  const { method, id } = (body ?? {}) as Call
  if (method !== 'subscriptions/listen') return null
  return errorAnswer(200, id ?? null, { code: -32601, message: 'The registry has no subscriptions: ask again.' })
}

/** A tool that exists but is not this person's to ask is refused with its rule and on record, not as if it did not exist. */
async function refuseUnseenTool(asker: Asker, body: unknown): Promise<Answer | null> {
  const { method, id, params } = (body ?? {}) as Call
  if (method !== 'tools/call') return null
  const tool = registryTools.find(({ name }) => name === params?.['name'])
  if (!tool || can(asker.ctx.actor, tool.permission)) return null
  const { name, permission } = tool
  try {
    await askOnRecord(asker, { tool: name, arguments: params?.['arguments'], permission }, () => Promise.resolve())
    return null
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    const { rule = error.code } = error.details
    return errorAnswer(200, id ?? null, { code: refusedCode, message: error.message, data: { rule } })
  }
}
