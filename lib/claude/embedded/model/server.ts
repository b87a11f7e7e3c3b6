import { type Fixture, handleMessages, Journal, Logger } from '@copilotkit/aimock'
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Log } from '#lib/log/log.ts'
import type { SimulatedTurn } from '#lib/templates/schema.ts'
import { inputTokensOf, messagesRequest, type MessagesRequest, systemOf, toConversation, tokensOf } from './request.ts'
import type { ScriptOf } from './scripts.ts'

const bodyBytesMax = 32 * 1024 * 1024
/** A streamed answer comes in about this many pieces, so that it looks like one being written. */
const piecesMax = 40

type HandlerDefaults = Parameters<typeof handleMessages>[5]
type Options = { scriptOf: ScriptOf; log: Log; /** Milliseconds between two pieces. */ latencyMs?: number }

/** The Messages API with scripts for a model. Every answer says so in the header `x-wheelhouse-model` and in its id. */
export function createModelServer(options: Options): Server {
  return createServer((request, response) => {
    response.setHeader('x-wheelhouse-model', 'simulated')
    response.setHeader('request-id', `req_simulated_${randomUUID().slice(0, 8)}`)
    void answer(options, request, response).catch((error: unknown) => {
      options.log.error({ err: error }, 'simulated model failed')
      if (response.headersSent) response.destroy()
      else writeError(response, 500, 'The simulated model failed.')
    })
  })
}

async function answer(options: Options, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?')[0]
  if (path === '/healthz') return void response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n')
  if (path !== '/v1/messages' || request.method !== 'POST') return writeError(response, 404, `${path} does not exist.`)
  const raw = await readText(request)
  const parsed = messagesRequest.safeParse(parseJson(raw))
  if (!parsed.success) return writeError(response, 400, 'This is not a request of the Messages API.')
  const fixture = toFixture(options, parsed.data)
  await handleMessages(request, response, raw, [fixture], new Journal(), defaults(options), () => {})
}

/** One request, one fixture: the script sees the whole conversation and says what comes next. */
function toFixture({ scriptOf, log }: Options, request: MessagesRequest): Fixture {
  const match = {}
  try {
    const turn = scriptOf(systemOf(request)).next(toConversation(request))
    return { match, response: toResponse(request, turn), chunkSize: pieceOf(turn) }
  } catch (error) {
    log.error({ err: error }, 'a script failed')
    const message = `The script of the simulated model failed: ${error instanceof Error ? error.message : String(error)}`
    return { match, response: { error: { message, type: 'invalid_request_error' }, status: 400 } }
  }
}

function toResponse(request: MessagesRequest, turn: SimulatedTurn) {
  const calls = turn.toolCalls ?? []
  const toolCalls = calls.map(({ name, input }) => ({
    name,
    arguments: JSON.stringify(input),
    id: `toolu_simulated_${randomUUID().replaceAll('-', '').slice(0, 20)}`,
  }))
  const common = {
    id: `msg_simulated_${randomUUID().replaceAll('-', '').slice(0, 20)}`,
    model: request.model,
    usage: { input_tokens: inputTokensOf(request), output_tokens: tokensOf(lengthText(turn)) },
  }
  if (toolCalls.length === 0) return { ...common, content: turn.text ?? '' }
  return turn.text ? { ...common, content: turn.text, toolCalls } : { ...common, toolCalls }
}

function lengthText(turn: SimulatedTurn): string {
  return `${turn.text ?? ''}${turn.toolCalls ? JSON.stringify(turn.toolCalls) : ''}`
}

function pieceOf(turn: SimulatedTurn): number {
  return Math.max(24, Math.ceil(lengthText(turn).length / piecesMax))
}

function defaults({ latencyMs = 8 }: Options): HandlerDefaults {
  return { latency: latencyMs, chunkSize: 64, replaySpeed: 1, logger: new Logger('silent') }
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bodyBytesMax) throw new Error('the request is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}

function writeError(response: ServerResponse, status: number, message: string): void {
  const type = status === 404 ? 'not_found_error' : status === 400 ? 'invalid_request_error' : 'api_error'
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ type: 'error', error: { type, message }, request_id: null }))
}
