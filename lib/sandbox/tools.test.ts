import { randomBytes } from 'node:crypto'
import type { BetaRunnableTool } from '@anthropic-ai/sdk/lib/tools/BetaRunnableTool'
import { runRunnableTool } from '@anthropic-ai/sdk/lib/tools/BetaRunnableTool'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { DomainError } from '#lib/core/errors.ts'
import { type Admission, SessionSandbox, type SessionSandboxOptions } from './session-sandbox.ts'
import { type TestDriver, testDriver, testLimits } from './testing/test-driver.ts'
import { sandboxTools } from './tools.ts'

// Real sandboxes on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let sandboxes: TestDriver
beforeAll(async () => {
  sandboxes = await testDriver()
})
afterAll(() => sandboxes.end())

const admission: Admission = {
  limits: testLimits,
  tools: {
    commandMsDefault: 10_000,
    commandMsMax: 20_000,
    fileBytesMax: 4096,
    shell: { keepBytes: 10_000, outputBytesMax: 1 << 20 },
  },
}

function newSession(options: Partial<SessionSandboxOptions> = {}): {
  session: SessionSandbox
  call: (name: string, input: unknown) => Promise<{ text: unknown; isError: boolean }>
} {
  const session = new SessionSandbox({
    driver: sandboxes.driver,
    sessionId: `sesn_${randomBytes(6).toString('hex')}`,
    admit: async () => admission,
    ...options,
  })
  const tools = sandboxTools(session)
  return {
    session,
    async call(name, input) {
      const tool = tools.find((tool) => 'name' in tool && tool.name === name) as BetaRunnableTool
      const context = { toolUse: { id: 'toolu_1', name, input } } as never
      const { content, isError } = await runRunnableTool(tool, input, context)
      return { text: content, isError }
    },
  }
}

describe('the tools of a session', () => {
  test('write, read, edit, find and search files where bash sees them', async () => {
    const { call } = newSession()
    expect(await call('write', { file_path: 'notes/a.txt', content: 'one\ntwo\nthree\n' })).toEqual({
      text: 'wrote 14 bytes to notes/a.txt',
      isError: false,
    })
    expect(await call('bash', { command: 'cat notes/a.txt | wc -l; touch notes/b.md' })).toMatchObject({ text: '3' })
    expect(await call('read', { file_path: '/workspace/notes/a.txt' })).toMatchObject({ text: 'one\ntwo\nthree\n' })
    expect(await call('read', { file_path: 'notes/a.txt', view_range: [2, 2] })).toMatchObject({ text: 'two' })
    expect(await call('read', { file_path: 'notes/a.txt', view_range: [2, -1] })).toMatchObject({
      text: 'two\nthree\n',
    })
    const edit = { file_path: 'notes/a.txt', old_string: 'two', new_string: '$& zwei' }
    expect(await call('edit', edit)).toMatchObject({ text: 'edited notes/a.txt (1 replacement)' })
    expect(await call('grep', { pattern: 'zw[aei]+' })).toMatchObject({ text: '/workspace/notes/a.txt:2:$& zwei' })
    expect(await call('glob', { pattern: '**/*.md' })).toMatchObject({ text: '/workspace/notes/b.md' })
    expect(await call('glob', { pattern: '*.none' })).toMatchObject({ text: 'no matches' })
  })

  test('say in words what is wrong', async () => {
    const { call } = newSession()
    const refusal = async (name: string, input: unknown): Promise<unknown> => {
      const { text, isError } = await call(name, input)
      expect(isError).toBe(true)
      return text
    }
    expect(await refusal('read', { file_path: 'missing.txt' })).toMatch(/missing\.txt does not exist/)
    expect(await refusal('read', { file_path: '/dev/zero' })).toMatch(/not a regular file/)
    expect(await refusal('write', { file_path: '/usr/bin/x', content: '' })).toMatch(/may not be written/)
    await call('bash', {
      command: 'head -c 5000 /dev/zero | tr "\\0" a > big.txt; printf "a\\na\\n" > twice.txt; mkfifo pipe',
    })
    expect(await refusal('read', { file_path: 'big.txt' })).toMatch(/5000 bytes, more than the 4096/)
    expect(await refusal('read', { file_path: 'big.txt', view_range: [1, 1] })).toMatch(/more than 4096 bytes/)
    expect(await refusal('read', { file_path: 'pipe' })).toMatch(/not a regular file/)
    expect(await refusal('edit', { file_path: 'twice.txt', old_string: 'a', new_string: 'b' })).toMatch(/2 times/)
    expect(await refusal('edit', { file_path: 'twice.txt', old_string: 'x', new_string: 'b' })).toMatch(/not found/)
    expect(await refusal('grep', { pattern: '(' })).toMatch(/Invalid regular expression/)
    expect(await refusal('glob', { pattern: '/etc/*' })).toMatch(/relative pattern/)
    expect(await refusal('bash', {})).toMatch(/Name a command/)
    expect(await refusal('bash', { command: 'echo partly; exit 4' })).toMatch(
      /partly\nThe shell ended with exit code 4/,
    )
    expect(await refusal('bash', { command: 'false' })).toBe('Exit code 1.')
    expect(await refusal('bash', { command: 'sleep 9', timeout_ms: 200 })).toMatch(/longer than 0.2 s/)
  })

  test('bash restarts', async () => {
    const { call } = newSession()
    await call('bash', { command: 'cd /tmp; A=1' })
    expect(await call('bash', { restart: true })).toEqual({ text: 'bash was restarted', isError: false })
    expect(await call('bash', { command: 'pwd; echo "[$A]"' })).toMatchObject({ text: '/workspace\n[]' })
    expect(await call('bash', { restart: true, command: 'echo both' })).toMatchObject({ text: 'both' })
  })

  test('a session that is not admitted gets no sandbox, and is told why', async () => {
    const admit = async (): Promise<never> => {
      throw new DomainError('unavailable', 'This agent is stopped.')
    }
    const { call } = newSession({ admit })
    const before = (await sandboxes.driver.list()).length
    expect(await call('bash', { command: 'echo hello' })).toEqual({ text: 'This agent is stopped.', isError: true })
    expect(await sandboxes.driver.list()).toHaveLength(before)
  })

  test('an ended session stays ended', async () => {
    const { call, session } = newSession()
    await call('bash', { command: 'sleep 1000 & echo started' })
    const report = await session.end()
    expect(report.processes).toBeGreaterThan(2)
    expect(report.survivors).toEqual([])
    expect(await call('bash', { command: 'echo again' })).toMatchObject({
      isError: true,
      text: expect.stringMatching(/ended/),
    })
  })

  test('a sandbox that ends by itself is made again, with the files and without the processes', async () => {
    const { call } = newSession()
    await call('write', { file_path: 'kept.txt', content: 'kept' })
    // The supervisor is the shell's parent: a program may end its own sandbox, and nothing else.
    expect(await call('bash', { command: 'kill -9 $PPID; sleep 5' })).toMatchObject({
      isError: true,
      text: expect.stringMatching(/Files in \/workspace are kept/),
    })
    expect(await call('bash', { command: 'cat kept.txt' })).toMatchObject({ text: 'kept', isError: false })
  })

  test('two calls at once make one sandbox, and supplied files are there first', async () => {
    let made = 0
    const files = async () => [{ path: 'skills/how.md', content: Buffer.from('like this') }]
    const { call } = newSession({ files, onCreated: () => (made += 1) })
    const results = await Promise.all([
      call('read', { file_path: 'skills/how.md' }),
      call('bash', { command: 'cat skills/how.md' }),
    ])
    expect(results.map(({ text }) => text)).toEqual(['like this', 'like this'])
    expect(made).toBe(1)
  })

  test('when the files cannot be supplied nothing is left running, and the next call tries again', async () => {
    let tries = 0
    const files = async () => {
      tries += 1
      if (tries === 1) throw new Error('the download broke off')
      return []
    }
    const { session, call } = newSession({ files })
    expect(await call('bash', { command: 'echo one' })).toMatchObject({ isError: true })
    const alive = await sandboxes.driver.list()
    expect(alive.filter(({ workspace }) => workspace === session.sessionId)).toEqual([])
    expect(await call('bash', { command: 'echo two' })).toMatchObject({ text: 'two', isError: false })
  })
})
