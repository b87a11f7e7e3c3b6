import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { large, multiplexerWorld } from '../testing/multiplexer-world.ts'
import { SpoolSpace } from './spool.ts'

const folder = mkdtempSync(join(tmpdir(), 'wheelhouse-spool-'))
afterAll(() => rmSync(folder, { recursive: true }))

function world({ spoolBytes }: { spoolBytes: number }) {
  const spools = new SpoolSpace({ folder, bytesMax: spoolBytes })
  return { ...multiplexerWorld({ spools }), spools }
}

test('where it may be another’s it goes to the disk until its id has come, and nobody else waits for that', async () => {
  const { multiplexer, sent, client, receive, request, spools, strays } = world({ spoolBytes: 20_000 })
  const [one, two] = [client(), client()]
  const first = multiplexer.call(request('a'), one.caller)
  const second = multiplexer.call(request('b'), two.caller)
  const [firstId, secondId] = sent.map(({ id }) => id)
  const sink = multiplexer.receiveLarge(large('{"result":{"text":"canary-of-'))!
  sink.write(large(`the-process ${'x'.repeat(5000)}`))
  expect([one.text(), two.text()]).toEqual(['', ''])
  expect(spools.bytes).toBeGreaterThan(4000)
  // It has no name, so nobody finds it there.
  expect(readdirSync(folder)).toEqual([])
  sink.write(large(`"},"jsonrpc":"2.0","id":${String(secondId)}}`))
  sink.end()
  expect(await second.reply).toBe(null)
  expect(two.text()).toBe(`{"text":"[redacted] ${'x'.repeat(5000)}"}<end>`)
  expect([one.text(), spools.bytes, multiplexer.pending]).toEqual(['', 0, 1])
  receive({ id: firstId, result: { small: true } })
  expect(await first.reply).toMatchObject({ id: 'a', result: { small: true } })
  expect(strays).toEqual([])
})

test('the late answer to a call that was given up is dropped, and the next one comes through', async () => {
  const { multiplexer, sent, client, request, spools, strays } = world({ spoolBytes: 20_000 })
  const one = client()
  multiplexer.call(request('a'), client().caller).cancel(new Error('gone'))
  const call = multiplexer.call(request('b'), one.caller)
  const [late, , wanted] = sent.map(({ id }) => id)
  for (const id of [late, wanted]) {
    const sink = multiplexer.receiveLarge(large('{"result":{"text":"x"}'))!
    sink.write(large(`,"jsonrpc":"2.0","id":${String(id)}}`))
    sink.end()
  }
  expect(await call.reply).toBe(null)
  expect(one.text()).toBe('{"text":"x"}<end>')
  expect([strays, spools.bytes]).toEqual([[], 0])
})

test('of calls that were given up and are never answered the oldest are forgotten, and what comes late for one is nobody’s', async () => {
  const { multiplexer, sent, client, receive, request, spools, strays } = world({ spoolBytes: 20_000 })
  for (let count = 0; count < 5000; count += 1)
    multiplexer.call(request(count), client().caller).cancel(new Error('gone'))
  const ids = sent.filter(({ method }) => method !== 'notifications/cancelled').map(({ id }) => Number(id))
  const answerLate = (id: number): void => {
    const sink = multiplexer.receiveLarge(large('{"result":{"text":"x"}'))!
    sink.write(large(`,"jsonrpc":"2.0","id":${id}}`))
    sink.end()
  }
  const [oldest, next] = ids as [number, number]
  answerLate(ids.at(-1)!)
  expect(strays).toEqual([])
  answerLate(oldest)
  expect(strays).toEqual(['an answer that nobody waits for'])
  // Whatever else is answered, that of one that was forgotten goes to no other one.
  for (const id of ids.slice(2)) receive({ id, result: {} })
  const one = client()
  const call = multiplexer.call(request('b'), one.caller)
  answerLate(next)
  expect([one.text(), multiplexer.pending]).toEqual(['', 1])
  answerLate(Number(sent.at(-1)!['id']))
  expect(await call.reply).toBe(null)
  expect([one.text(), spools.bytes]).toEqual(['{"text":"x"}<end>', 0])
})

test.for([
  ['over what one may be', 20_000, 'y'.repeat(10_001), /too large/],
  ['over what all may be', 4000, 'y'.repeat(5000), /too large/],
] as const)(
  'one that is %s is refused to whom it was for, when that is known',
  async ([, spoolBytes, text, message]) => {
    const { multiplexer, sent, client, request, spools } = world({ spoolBytes })
    const [one, two] = [client(), client()]
    multiplexer.call(request('a'), one.caller)
    const call = multiplexer.call(request('b'), two.caller)
    const sink = multiplexer.receiveLarge(large('{"result":{"text":"'))!
    sink.write(large(text))
    sink.write(large(`"},"jsonrpc":"2.0","id":${String(sent[1]!['id'])}}`))
    sink.end()
    await expect(call.reply).rejects.toThrow(message)
    await expect(call.reply).rejects.toMatchObject({ rule: 'result_too_large' })
    expect([one.text(), two.text(), spools.bytes]).toEqual(['', '', 0])
  },
)

test('what is not whole, or names nobody, goes to nobody, and leaves no room taken', async () => {
  const { multiplexer, client, request, spools, strays } = world({ spoolBytes: 20_000 })
  const [one, two] = [client(), client()]
  multiplexer.call(request('a'), one.caller)
  multiplexer.call(request('b'), two.caller)
  for (const rest of ['', ',"id":99}', ',"id":"1"}', ',"error":{}}', '}', ',"method":"x","id":1}']) {
    const sink = multiplexer.receiveLarge(large('{"result":{"text":"x"}'))!
    sink.write(large(rest))
    sink.end()
  }
  expect(strays.length).toBe(6)
  multiplexer.receiveLarge(large('{"result":{"text":"'))
  multiplexer.fail(new Error('it ended'))
  expect([one.text(), two.text(), spools.bytes, multiplexer.pending]).toEqual(['', '', 0, 0])
})

test('a reader that stands still is broken off', async () => {
  const { multiplexer, sent, client, request, spools } = world({ spoolBytes: 20_000 })
  const slow = client()
  multiplexer.call(request('a'), client().caller)
  const said: string[] = []
  const sink = {
    write: () => void said.push('some'),
    ready: async () => false,
    end() {},
    fail: () => void said.push('broken'),
  }
  const call = multiplexer.call(request('b'), { ...slow.caller, stream: () => sink })
  const line = multiplexer.receiveLarge(large('{"result":{"text":"x"}'))!
  line.write(large(`,"id":${String(sent[1]!['id'])}}`))
  line.end()
  await expect(call.reply).rejects.toMatchObject({ rule: 'process_unavailable' })
  expect([said, spools.bytes]).toEqual([['some', 'broken'], 0])
})
