import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { AnswerOf, Endpoint, RequestOf } from '../endpoint.ts'
import { ApiRefusal, Unreachable, UsageError } from './errors.ts'
import { sendPersistently } from './retry.ts'

export type Client = {
  url: string
  /** The entity tag of the last answer, if a write can be compared with it; null: it cannot. */
  etag(): string | null
  /** Calls an endpoint; throws `ApiRefusal` or `Unreachable`. */
  call<E extends Endpoint>(endpoint: E, request: RequestOf<E>, options?: CallOptions): Promise<AnswerOf<E>>
  /** Every item of a list, however many pages it has; throws the same. */
  all<E extends Endpoint<{ items: unknown[] }>>(
    endpoint: E,
    request: RequestOf<E>,
  ): Promise<{ items: AnswerOf<E>['items'] }>
  /** Opens an endpoint that streams; throws the same. */
  open<E extends Endpoint>(
    endpoint: E,
    request: RequestOf<E>,
    options: { signal: AbortSignal; headers?: Record<string, string> },
  ): Promise<Response>
}

type CallOptions = {
  timeoutMs?: number
  /** The tag of what was read and is written back; a tag that was given for the whole command goes first. */
  ifMatch?: string | null
}

type Sent = { params?: unknown; query?: unknown; body?: unknown }

const timeoutMsDefault = 120_000

type Login = {
  url: string
  token: string | null
  /** The entity tag that writes are made conditional on. */
  ifMatch?: string
  /** Nothing is written: only what is read has a tag to print. */
  readsOnly?: boolean
}

/** Speaks to one portal with one token; the token goes nowhere else. */
export function createClient({ url, token, ifMatch, readsOnly }: Login): Client {
  let etag: string | null = null
  async function send(
    endpoint: Endpoint,
    sent: Sent,
    options: { signal: AbortSignal; headers?: Record<string, string>; path?: string },
  ): Promise<Response> {
    if (readsOnly && endpoint.method !== 'GET') throw new UsageError('--etag is for what is shown, and this writes.')
    const { body } = sent
    const text = body === undefined ? null : typeof body === 'string' ? body : writeJson(body)
    const type = endpoint.textBody ? 'application/yaml' : 'application/json'
    const request = {
      method: endpoint.method,
      headers: {
        accept: `${endpoint.answer.media}, application/problem+json`,
        'user-agent': 'wheelhouse-cli',
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(text === null ? {} : { 'content-type': type }),
        ...conditional(endpoint, ifMatch),
        ...(endpoint.method === 'GET' ? {} : { 'idempotency-key': `"${randomUUID()}"` }),
        ...options.headers,
      },
      body: text,
      signal: options.signal,
      redirect: 'manual',
    } satisfies RequestInit
    const target = new URL(options.path ?? pathOf(endpoint, sent), url)
    const response = await sendPersistently(() => fetch(target, request), options.signal).catch((error: unknown) => {
      throw new Unreachable(`Wheelhouse cannot be reached at ${url}: ${reasonOf(error)}.`)
    })
    if (!response.ok) throw await refusalOf(response, url)
    return response
  }

  return {
    url,
    etag: () => etag,
    async call<E extends Endpoint>(endpoint: E, request: RequestOf<E>, options: CallOptions = {}) {
      const signal = AbortSignal.timeout(options.timeoutMs ?? timeoutMsDefault)
      const headers: Record<string, string> = options.ifMatch && !ifMatch ? { 'if-match': options.ifMatch } : {}
      const response = await send(endpoint, request, { signal, headers })
      etag = endpoint.method === 'GET' && endpoint.revision ? response.headers.get('etag') : null
      const text = await response.text().catch((error: unknown) => {
        throw new Unreachable(`The answer of ${url} broke off: ${reasonOf(error)}.`)
      })
      if (endpoint.answer.media !== 'application/json') return text as AnswerOf<E>
      return (text === '' ? null : parseAnswer(text, url)) as AnswerOf<E>
    },
    async all<E extends Endpoint<{ items: unknown[] }>>(endpoint: E, request: RequestOf<E>) {
      const items: AnswerOf<E>['items'] = []
      for (let path: string | undefined = pathOf(endpoint, request); path !== undefined;) {
        const response = await send(endpoint, request, { signal: AbortSignal.timeout(timeoutMsDefault), path })
        const page = parseAnswer(await response.text(), url) as { items: AnswerOf<E>['items'] }
        items.push(...page.items)
        path = nextOf(response.headers.get('link'))
      }
      return { items }
    },
    open: (endpoint, request, options) => send(endpoint, request, options),
  }
}

/** A write that cannot be compared is not sent: it would go ahead unchecked. */
function conditional({ method, path, revision }: Endpoint, ifMatch: string | undefined): Record<string, string> {
  if (ifMatch === undefined || method === 'GET') return {}
  if (revision) return { 'if-match': ifMatch }
  throw new UsageError(`${method} ${path} has no version to compare: leave --if-match out.`)
}

/** The next page's path, of a Link header (RFC 8288). */
function nextOf(link: string | null): string | undefined {
  return /<([^>]*)>;\s*rel="next"/.exec(link ?? '')?.[1]
}

/** Amounts are decimal strings in JSON. What is no number would be null, which says something else: it is not sent. */
function writeJson(body: unknown): string {
  return JSON.stringify(body, (key, member: unknown) => {
    if (typeof member === 'number' && !Number.isFinite(member)) throw new UsageError(`${key} has to be a number.`)
    return typeof member === 'bigint' ? member.toString() : member
  })
}

function pathOf({ path }: Endpoint, { params, query }: Sent): string {
  const values = new Map(Object.entries(params ?? {}).map(([name, value]) => [name, String(value)]))
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values.get(name) ?? ''))
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') search.set(key, String(value))
  }
  const text = search.toString()
  return text ? `${filled}?${text}` : filled
}

const problemSchema = z.looseObject({
  title: z.string().optional(),
  detail: z.string().optional(),
  requestId: z.string().optional(),
  rule: z.string().optional(),
  errors: z.record(z.string(), z.array(z.string())).optional(),
  problems: z
    .array(
      z.looseObject({
        line: z.number().optional(),
        column: z.number().optional(),
        id: z.string().nullish(),
        field: z.string().optional(),
        message: z.string(),
      }),
    )
    .optional(),
})

async function refusalOf(response: Response, url: string): Promise<Error> {
  const { status } = response
  if (status >= 300 && status < 400) {
    const to = response.headers.get('location') ?? 'somewhere else'
    return new Unreachable(`${url} sends callers on to ${to}. Use that address with --url or WHEELHOUSE_URL.`)
  }
  const text = await response.text().catch(() => '')
  const problem = problemSchema.safeParse(parseJson(text))
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json') ?? false
  if (isProblem && problem.success) return new ApiRefusal(status, problem.data)
  if (status >= 500) return new Unreachable(`Wheelhouse is not available at ${url}: the answer was ${status}.`)
  return new ApiRefusal(status, {
    detail: `${url} answered ${status}, and not as Wheelhouse does. Is the address right?`,
  })
}

function parseAnswer(text: string, url: string): unknown {
  const value = parseJson(text)
  if (value !== undefined) return value
  throw new Unreachable(`${url} answered with something that is not JSON. Is the address right?`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'no answer in time'
  const cause: unknown = error.cause
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors[0])
  return cause instanceof Error ? cause.message : error.message
}
