import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { parseCliConfig } from '#lib/config/cli.ts'
import { sourceFiles } from '#lib/dev/source-files.ts'
import { takesWholeNumber } from './commands/numbers.ts'
import { createProgram, runProgram } from './program.ts'
import { recordedTerminal } from './testing/recorded-terminal.ts'

/** Nobody listens there: what gets as far as asking ends with another code. */
const config = parseCliConfig({ WHEELHOUSE_URL: 'http://127.0.0.1:1', WHEELHOUSE_TOKEN: 'wh_pat_none' })

async function run(args: readonly string[]) {
  const { terminal, said } = recordedTerminal({ width: 100 })
  const code = await runProgram({ config, terminal }, args)
  return { code, said: said.out + said.err }
}

type Leaf = { path: string[]; command: Command }
function leaves(command: Command, path: string[] = []): Leaf[] {
  if (command.commands.length === 0) return [{ path, command }]
  return command.commands.flatMap((child) => leaves(child, [...path, child.name()]))
}
const verbs = leaves(createProgram({ config, terminal: recordedTerminal().terminal }))

const noNumbers = [
  '1e3',
  '0x10',
  '',
  ' ',
  '-1',
  '+1',
  '1.5',
  '１２',
  'Infinity',
  'NaN',
  '99999999999',
  '1_000',
  '\u001b[31m',
]

test('an option that takes a number takes digits, and is named where it gets anything else', async () => {
  const numbers = verbs.flatMap(({ path, command }) =>
    command.options.filter(takesWholeNumber).map((option) => ({ path, option })),
  )
  expect(numbers.length).toBeGreaterThan(50)
  const wrong: string[] = []
  for (const { path, option } of numbers) {
    for (const value of noNumbers) {
      const { code, said } = await run([...path, `${option.long}=${value}`])
      const told = said.includes(option.long!) && /whole number|Allowed choices/.test(said)
      if (code !== 2 || !told || said.includes('\u001b') || /\n\s+at /.test(said)) wrong.push(`${path.join(' ')} ${option.long}=${value}: ${code} ${said}`) // prettier-ignore
    }
  }
  expect(wrong).toEqual([])
}, 60_000)

test('an argument that is a number is named where it is none', async () => {
  for (const { path, command } of verbs.filter(
    ({ command }) => command.registeredArguments.at(-1)?.name() === 'number',
  )) {
    const given = path[1] === 'version' ? ['invoice-reconciler-7'] : []
    for (const value of ['1e3', '0x10', '', '1.5']) {
      const needed = command.options.filter(({ mandatory }) => mandatory).flatMap(({ long }) => [long!, 'why'])
      const { code, said } = await run([...path, ...given, value, ...needed])
      expect([path, value, code, said]).toEqual([path, value, 2, expect.stringContaining('whole number')])
    }
  }
})

test('an empty tag is refused: what was to be compared would be written whatever is there', async () => {
  const { code, said } = await run(['--if-match=', 'agents', 'suspend', 'invoice-reconciler-7', '--reason', 'why'])
  expect([code, said]).toEqual([2, expect.stringContaining('--if-match')])
})

test('a name that is empty is refused: it would ask for everything', async () => {
  for (const [path, option] of [
    ['runs list', '--agent'],
    ['scopes unused', '--owner'],
    ['audit tail', '--actor'],
    ['agents list', '--owner'],
  ] as const) {
    const { code, said } = await run([...path.split(' '), `${option}=`])
    expect(code).toBe(2)
    expect(said).toContain(option)
  }
})

test('whatever a verb makes a number of is an option that takes one', () => {
  const known = new Set(verbs.flatMap(({ command }) => command.options.filter(takesWholeNumber).map((option) => option.attributeName()))) // prettier-ignore
  const made = sourceFiles(['lib/api/cli/commands']).flatMap(({ path, text }) =>
    [...text.matchAll(/\bNumber\((?:options\.)?(\w+)\)/g)].map(([, name]) => ({ path, name: name! })),
  )
  expect(made.length).toBeGreaterThan(25)
  // Looked at where they are read: lines of a refusal, values of parameters, numbers of sets and versions.
  const looked = new Set(['line', 'value', 'text', 'number'])
  expect(made.filter(({ name }) => !known.has(name) && !looked.has(name))).toEqual([])
})
