import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { parseCliConfig } from '#lib/config/cli.ts'
import { sourceFiles } from '#lib/dev/source-files.ts'
import { takesWholeNumber } from './commands/numbers.ts'
import { createProgram, runProgram } from './program.ts'
import type { Terminal } from './terminal.ts'

/** Nobody listens there: what gets as far as asking ends with another code. */
const config = parseCliConfig({ WHEELHOUSE_URL: 'http://127.0.0.1:1', WHEELHOUSE_TOKEN: 'wh_pat_none' })

function silentTerminal(): Terminal & { said: string } {
  const terminal = {
    said: '',
    out: (text: string) => void (terminal.said += text),
    err: (text: string) => void (terminal.said += text),
    width: 100,
    interactive: false,
    style: (_: string, text: string) => text,
    ask: async () => '',
    askSecretly: async () => '',
    readInput: async () => '',
  }
  return terminal
}

type Leaf = { path: string[]; command: Command }
function leaves(command: Command, path: string[] = []): Leaf[] {
  if (command.commands.length === 0) return [{ path, command }]
  return command.commands.flatMap((child) => leaves(child, [...path, child.name()]))
}
const verbs = leaves(createProgram({ config, terminal: silentTerminal() }))

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
      const terminal = silentTerminal()
      const code = await runProgram({ config, terminal }, [...path, `${option.long}=${value}`])
      const told = terminal.said.includes(option.long!) && /whole number|Allowed choices/.test(terminal.said)
      if (code !== 2 || !told || terminal.said.includes('\u001b') || /\n\s+at /.test(terminal.said)) wrong.push(`${path.join(' ')} ${option.long}=${value}: ${code} ${terminal.said}`) // prettier-ignore
    }
  }
  expect(wrong).toEqual([])
}, 60_000)

test('an argument that is a number is named where it is none', async () => {
  for (const { path } of verbs.filter(({ command }) => command.registeredArguments.at(-1)?.name() === 'number')) {
    const given = path[1] === 'version' ? ['invoice-reconciler-7'] : []
    for (const value of ['1e3', '0x10', '', '1.5']) {
      const terminal = silentTerminal()
      const needed = ['--reason', 'why', '-f', 'x']
      const code = await runProgram({ config, terminal }, [...path, ...given, value, ...needed])
      expect([path, value, code, terminal.said]).toEqual([
        path,
        value,
        2,
        expect.stringMatching(/number|unknown option/),
      ])
    }
  }
})

test('a name that is empty is refused: it would ask for everything', async () => {
  for (const [path, option] of [
    ['runs list', '--agent'],
    ['scopes unused', '--owner'],
    ['audit tail', '--actor'],
    ['agents list', '--owner'],
  ] as const) {
    const terminal = silentTerminal()
    expect(await runProgram({ config, terminal }, [...path.split(' '), `${option}=`])).toBe(2)
    expect(terminal.said).toContain(option)
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
