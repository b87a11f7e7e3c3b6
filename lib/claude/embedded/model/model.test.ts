import { Anthropic } from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLog } from '#lib/log/log.ts'
import { loadScripts } from './scripts.ts'
import { createModelServer } from './server.ts'

const log = createLog({ process: 'model-test', level: 'silent' })
let client: Anthropic
let url = ''
let close = () => {}

beforeAll(async () => {
  const server = createModelServer({ scriptOf: await loadScripts(log), log, latencyMs: 0 })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  client = new Anthropic({ baseURL: url, apiKey: 'simulated', maxRetries: 0 })
  close = () => void server.close()
})
afterAll(() => close())

const tools: Anthropic.Tool[] = ['invoices__list_invoices', 'erp__list_purchase_orders', 'bash', 'escalate'].map(
  (name) => ({
    name,
    input_schema: { type: 'object' },
  }),
)
const request = {
  model: 'claude-sonnet-5-5',
  max_tokens: 1000,
  system: 'template: invoice-reconciler@1.0.0\nYou reconcile invoices.',
  messages: [{ role: 'user' as const, content: 'Go.' }],
  tools,
}

describe('the scripted model', () => {
  test('plays the script of the template that the system prompt names, streamed and not', async () => {
    const plain = await client.messages.create(request)
    const streamed = await client.messages.stream(request).finalMessage()
    for (const message of [plain, streamed]) {
      expect(message).toMatchObject({ model: 'claude-sonnet-5-5', stop_reason: 'tool_use', role: 'assistant' })
      expect(message.id).toMatch(/^msg_simulated_/)
      const called = message.content.flatMap((block) => (block.type === 'tool_use' ? [block.name] : []))
      expect(called).toEqual(['invoices__list_invoices', 'erp__list_purchase_orders'])
    }
    expect(plain.usage.input_tokens).toBe(streamed.usage.input_tokens)
    expect(plain.usage.input_tokens).toBeGreaterThan(50)
  })

  test('costs more when more is said, and the same for the same', async () => {
    const long = { ...request, messages: [{ role: 'user' as const, content: 'Go. '.repeat(1_000) }] }
    const [short, again, more] = await Promise.all([
      client.messages.create(request),
      client.messages.create(request),
      client.messages.create(long),
    ])
    expect(again.usage.input_tokens).toBe(short.usage.input_tokens)
    expect(more.usage.input_tokens).toBeGreaterThan(short.usage.input_tokens + 500)
  })

  test('without a script it says so, lists its tools and calls none', async () => {
    const message = await client.messages.create({ ...request, system: 'No template.' })
    expect(message.stop_reason).toBe('end_turn')
    expect(message.content).toMatchObject([
      { type: 'text', text: expect.stringContaining('simulated model') as string },
    ])
    expect(JSON.stringify(message.content)).toContain('invoices__list_invoices')
  })

  test('says with every answer that it is simulated', async () => {
    const { response } = await client.messages.create(request).withResponse()
    expect(response.headers.get('x-wheelhouse-model')).toBe('simulated')
    expect((await fetch(`${url}/healthz`)).headers.get('x-wheelhouse-model')).toBe('simulated')
  })

  test('refuses what is not a request of the Messages API', async () => {
    const refused = client.messages.create({ ...request, messages: [] })
    await expect(refused).rejects.toMatchObject({ status: 400, type: 'invalid_request_error' })
    expect((await fetch(`${url}/v1/other`)).status).toBe(404)
  })
})
