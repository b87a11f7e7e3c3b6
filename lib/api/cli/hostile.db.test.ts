import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import fc from 'fast-check'
import { expect } from 'vitest'
import { permissions } from '#lib/auth/permissions.ts'
import { parseCliConfig } from '#lib/config/cli.ts'
import { makeToken, openApiPortal } from '#lib/dev/test/api-portal.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'
import { hostileBlocks, hostileLines } from '#lib/dev/test/hostile-texts.ts'
import { makeWorkshop } from '#lib/dev/test/lifecycle.ts'
import { createProgram, runProgram } from './program.ts'
import { recordedTerminal } from './testing/recorded-terminal.ts'

const seed = Number(process.env['HOSTILE_SEED'] ?? 1)
const numRuns = Number(process.env['HOSTILE_RUNS'] ?? 150)

const test = dbTest
  .extend('folder', { scope: 'file' }, async ({}, { onCleanup }) => {
    const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-hostile-'))
    onCleanup(() => rm(folder, { recursive: true, force: true }))
    return folder
  })
  .extend('shop', { scope: 'file' }, ({ db }) => makeWorkshop(db))
  .extend('wheelhouse', { scope: 'file' }, async ({ database, db, folder, shop }, { onCleanup }) => {
    const limits = { WHEELHOUSE_API_READS_PER_MINUTE: '0', WHEELHOUSE_API_WRITES_PER_MINUTE: '0' }
    const server = await (await openApiPortal(database, limits)).listen()
    onCleanup(() => server.close())
    const person = await makePerson(db, { roles: ['platform_admin'], teamIds: [shop.teamId] })
    const token = await makeToken(db, { personId: person.id, permissions })
    const config = parseCliConfig({ WHEELHOUSE_URL: server.url, WHEELHOUSE_TOKEN: token, WHEELHOUSE_HOME: folder, XDG_CONFIG_HOME: folder }) // prettier-ignore
    return async (args: readonly string[]) => {
      const { terminal, said } = recordedTerminal({ width: 100 })
      const code = await runProgram({ config, terminal }, args)
      process.exitCode = undefined
      return { code, ...said }
    }
  })
  .extend(
    'manifest',
    { scope: 'file' },
    ({ shop }) =>
      (id: string, more = '') =>
        `id: ${id}\nowner: ${shop.teamId}\naccountable: ${shop.lead.email}\npurpose: from a file\ntemplate: ${shop.template.id}@1.0.0\n${more}`,
  )

/** What must never be seen: a place in our code, or a character that a terminal obeys. */
// oxlint-disable-next-line no-control-regex
const ours = /\n\s+at [^\n]*:\d|node_modules|prisma|[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]/i

const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name, at) => `${name}: &${name} [${Array(10).fill(`*${'abcdefgh'[at]}`).join(',')}]`).join('\n')}\n` // prettier-ignore

test('a file that cannot be applied is refused at its line, and nothing of it is', async ({ db, wheelhouse, folder, manifest }) => {
  const file = join(folder, 'agents.yaml')
  const cases: [string, string | Buffer, RegExp][] = [
    ['cut off', manifest('cut', 'parameters: {a: [1,'), /agents\.yaml:\d+:\d+/],
    ['a tab', manifest('tab', '\tname: x\n'), /agents\.yaml:6:\d+/],
    ['no mapping', '- one\n- two\n', /agents\.yaml:1:\d+/],
    ['JSON that breaks off', '{"id": "json", "owner":', /agents\.yaml:1:\d+/],
    ['a key twice', manifest('twice', 'purpose: once more\n'), /agents\.yaml:6:\d+/],
    ['a cycle', 'id: cycle\nparameters: &a\n  b: *a\n', /agents\.yaml:[23]:\d+/],
    ['a bomb of references', bomb, /agents\.yaml:\d+:\d+/],
    ['a merge key', manifest('merge', '<<: {name: x}\n'), /agents\.yaml:6:\d+/],
    ['a tag', manifest('tag', 'prompt: !!js/function x\n'), /agents\.yaml:6:\d+/],
    ['10 MB', `${manifest('big')}prompt: "${'x'.repeat(10_000_000)}"\n`, /characters|larger than/],
    ['200 levels more', manifest('deep', `parameters: ${'['.repeat(5000)}${']'.repeat(5000)}\n`), /nested|agents\.yaml:\d+/],
    ['the same id twice', `${manifest('same')}---\n${manifest('same')}`, /agents\.yaml:7:1: same is in this file twice/],
    ['ids that differ by case', `${manifest('case')}---\n${manifest('Case')}`, /agents\.yaml:7:\d+.*differ only by case/],
    ['an unknown team', manifest('team').replace(/owner: .*/, 'owner: nobody'), /agents\.yaml:2:\d+/],
    ['an id that is an address', manifest('unregistered'), /agents\.yaml:1:\d+/],
    ['NUL', manifest('nul', 'prompt: "a\\0b"\n'), /agents\.yaml:6:\d+/],
    ['half a character', manifest('half', 'prompt: "\\ud800"\n'), /agents\.yaml:6:\d+/],
    ['an override of direction', manifest('rtl', 'name: "a\\u202Egnp.exe"\n'), /agents\.yaml:6:\d+/],
    ['no UTF-8', Buffer.from(`${manifest('bytes')}name: \xff\xfe\n`, 'latin1'), /not UTF-8/],
    ['a budget in words', manifest('rich', 'monthly_budget_usd: 1e3\n'), /agents\.yaml:6:\d+/],
    ['nothing', '# nothing\n', /no agent/],
  ] // prettier-ignore
  const before = [await db.agent.count(), await db.auditEvent.count()]
  for (const [name, text, says] of cases) {
    await writeFile(file, text)
    for (const args of [['apply', '-f', file, '--yes'], ['apply', '-f', file, '--dry-run'], ['diff', '-f', file]]) {
      const { code, out, err } = await wheelhouse(args)
      expect({ name, args, code, out, err: err.slice(0, 2000) }).toMatchObject({ code: 1, out: '', err: expect.stringMatching(says) as string }) // prettier-ignore
      expect({ name, err }).toMatchObject({ err: expect.not.stringMatching(ours) as string })
    }
  }
  expect([await db.agent.count(), await db.auditEvent.count()]).toEqual(before)
}, 180_000) // prettier-ignore

test('however a file is garbled: it is applied as a whole or refused at a line', async ({ db, wheelhouse, folder, manifest }) => {
  const file = join(folder, 'garbled.yaml')
  const whole = `${manifest('garbled-a', 'prompt: |\n  One.\n  Two.\nmonthly_budget_usd: 12.5\n')}---\n${manifest('garbled-b')}`
  const noise = fc.oneof(
    fc.constantFrom('\0', '\t', '\r', '*a', '&a ', '!!', '---\n', '...\n', '{', '[', '"', "'", '#', ': ', '%', '\u202e', '<<: ', '- ', '0x10'),
    fc.constantFrom(...[...hostileLines, ...hostileBlocks].map(([, text]) => text)),
    fc.string({ unit: 'binary', maxLength: 5 }),
  ) // prettier-ignore
  const edit = fc.record({ at: fc.nat(whole.length), cut: fc.nat(20), noise })
  const property = fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
    const text = edits.reduce((before, { at, cut, noise: put }) => before.slice(0, at) + put + before.slice(at + cut), whole) // prettier-ignore
    await writeFile(file, text)
    const before = await db.agent.count()
    const { code, out, err } = await wheelhouse(['apply', '-f', file, '--dry-run'])
    expect({ text, out, err }).toMatchObject({ err: expect.not.stringMatching(ours) as string })
    const place = code === 0 || /garbled\.yaml:\d+:\d+|no agent|UTF-8/.test(err)
    expect({ text, code, err, place, known: [0, 1].includes(code) }).toMatchObject({ place: true, known: true })
    expect(await db.agent.count()).toBe(before)
  })
  await fc.assert(property, { numRuns, seed, endOnFailure: true })
}, 180_000) // prettier-ignore

type Leaf = { path: string[]; command: Command }
function leaves(command: Command, path: string[] = []): Leaf[] {
  if (command.commands.length === 0) return [{ path, command }]
  return command.commands.flatMap((child) => leaves(child, [...path, child.name()]))
}
/** What waits for what comes, opens a browser's login or stops everything that the other questions need. */
const apart = new Set([
  'runs tail',
  'audit tail',
  'login',
  'logout',
  'kill',
  'agents bulk',
  'keys rotate',
  'people deactivate',
])

test('whatever a verb is given, it ends with what is wrong or what was asked, and never with our code', async ({ wheelhouse, folder }) => {
  const program = createProgram({ config: parseCliConfig({}), terminal: { width: 100 } as never })
  const verbs = leaves(program).filter(({ path }) => !apart.has(path.join(' ')))
  expect(verbs.length).toBeGreaterThan(120)
  const text = fc.oneof(
    fc.constantFrom(...hostileLines.map(([, line]) => line)),
    fc.constantFrom('', ' ', '-', '--', '00000000-0000-7000-8000-00000000ffff', 'erp', 'a\u202egnp', '\u001b[31m', '[]', '{}', 'null', '@', 'x'.repeat(10_000)),
  ) // prettier-ignore
  const property = fc.asyncProperty(
    fc.constantFrom(...verbs),
    fc.array(text, { minLength: 4, maxLength: 4 }),
    fc.infiniteStream(text),
    async ({ path, command }, args, values) => {
      const options = command.options
        .filter((option) => option.required && (option.mandatory || option.long!.length % 2 === 0))
        .map((option) => `${option.long}=${/file|output|prompt|key/.test(option.long!) ? join(folder, 'none') : [...values.take(1)][0]}`)
      const given = args.slice(0, command.registeredArguments.filter(({ required }) => required).length)
      const { code, err } = await wheelhouse([...path, ...options, '--', ...given])
      expect({ path, options, given, err: err.slice(0, 3000) }).toMatchObject({ err: expect.not.stringMatching(ours) as string })
      expect({ path, options, given, code, said: code === 0 || err.trim() !== '' }).toMatchObject({ said: true })
      expect([0, 1, 2, 4]).toContain(code)
    },
  )
  await fc.assert(property, { numRuns: numRuns * 3, seed, endOnFailure: true })
}, 300_000) // prettier-ignore
