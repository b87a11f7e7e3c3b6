import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

type Block = { type: string; text?: string; name?: string; content?: unknown; is_error?: boolean }
/** What the model is asked: the system prompt and the conversation so far. */
export type ModelRequest = { system: string; messages: { role: string; content: string | Block[] }[] }
export type ModelTurn = {
  text?: string
  calls?: { name: string; input: Record<string, unknown> }[]
  usage?: ModelUsage
}
export type ModelUsage = {
  input_tokens: number
  output_tokens: number
  cache_read_input_tokens?: number
  cache_creation_input_tokens?: number
}
/** Says what comes next; `turn` counts the model's answers so far. A promise that waits makes the model think. */
export type Script = (request: ModelRequest, turn: number) => ModelTurn | Promise<ModelTurn>

export type TestModel = { port: number; script: { current: Script }; requests: () => number; stop(): Promise<void> }

/** The Messages API, as far as an agent loop streams from it, with a function for a model. */
export async function startTestModel(script: Script): Promise<TestModel> {
  const current = { current: script }
  let requests = 0
  const server = createServer((request, response) => {
    void (async () => {
      const body = JSON.parse(await text(request)) as {
        model: string
        system?: string | Block[]
        messages: ModelRequest['messages']
      }
      requests += 1
      const system =
        typeof body.system === 'string' ? body.system : (body.system ?? []).map((part) => part.text ?? '').join('\n')
      const turn = body.messages.filter((message) => message.role === 'assistant').length
      const said = await current.current({ system, messages: body.messages }, turn)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const event of toEvents(body.model, said)) {
        response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
      }
      response.end()
    })().catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    script: current,
    requests: () => requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function toEvents(model: string, said: ModelTurn): { type: string; [key: string]: unknown }[] {
  const usage = {
    input_tokens: 1_000,
    output_tokens: 100,
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 0,
    ...said.usage,
  }
  const blocks = [
    ...(said.text ? [{ start: { type: 'text', text: '' }, delta: { type: 'text_delta', text: said.text } }] : []),
    ...(said.calls ?? []).map(({ name, input }) => ({
      start: { type: 'tool_use', id: `toolu_${randomUUID().slice(0, 12)}`, name, input: {} },
      delta: { type: 'input_json_delta', partial_json: JSON.stringify(input) },
    })),
  ]
  const message = {
    id: `msg_${randomUUID().slice(0, 12)}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 1 },
  }
  return [
    { type: 'message_start', message },
    ...blocks.flatMap(({ start, delta }, index) => [
      { type: 'content_block_start', index, content_block: start },
      { type: 'content_block_delta', index, delta },
      { type: 'content_block_stop', index },
    ]),
    {
      type: 'message_delta',
      delta: { stop_reason: said.calls?.length ? 'tool_use' : 'end_turn', stop_sequence: null },
      usage: { output_tokens: usage.output_tokens },
    },
    { type: 'message_stop' },
  ]
}
