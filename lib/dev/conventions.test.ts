import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { permissions } from '#lib/auth/permissions.ts'
import { reservedAgentIds, reservedServerIds } from '#lib/core/slug.ts'
import { readTemplates } from '#lib/templates/queries.ts'
import { envExample } from './env-example.ts'
import { codeLines, exportedFunctions, root, sourceFiles, type SourceFile } from './source-files.ts'

const files = sourceFiles(['app', 'components', 'lib', 'e2e'])
const isTest = ({ path }: SourceFile) => /\.test\.tsx?$/.test(path) || path.startsWith('e2e/')
const product = files.filter((file) => !isTest(file) && !file.path.startsWith('lib/dev/'))
const tests = files.filter(isTest)
const databaseTests = tests.filter(({ path }) => path.endsWith('.db.test.ts'))
const commandFiles = product.filter(({ path }) => /^lib\/[^/]+\/commands(?:\.ts$|\/)/.test(path))

describe('what no linter can know', () => {
  test('every audit event is written somewhere', () => {
    const catalogue = product.find(({ path }) => path === 'lib/audit/events.ts')!
    const events = [...catalogue.text.matchAll(/^ {2}'([a-z_]+\.[a-z_]+)': /gm)].map((match) => match[1]!)
    const lists = new Set(['lib/audit/events.ts', 'lib/audit/event-names.ts'])
    const writers = product.filter(({ path }) => !lists.has(path)).map(({ text }) => text)
    expect(events.length).toBeGreaterThan(20)
    expect(events.filter((event) => !writers.some((text) => text.includes(`'${event}'`)))).toEqual([])
  })

  test('every command is exercised by a test on a real database', () => {
    const commands = commandFiles
      .flatMap(exportedFunctions)
      .filter(isCommand)
      .map(({ name }) => name)
    const exercised = databaseTests.map(({ text }) => text).join('\n')
    expect(commands.length).toBeGreaterThan(5)
    expect(commands.filter((name) => !new RegExp(`\\b${name}\\b`).test(exercised))).toEqual([])
  })

  test('every permission is asked for somewhere, and refused somewhere in a test', () => {
    const guarded = product.flatMap(exportedFunctions)
    const refusals = tests.flatMap(({ text }) => aroundRefusals(text)).join('\n')
    const untested = permissions.filter((permission) => {
      const guards = guarded.filter(({ body }) => body.includes(`'${permission}'`)).map(({ name }) => name)
      return ![...guards, permission].some((name) => refusals.includes(name))
    })
    expect(untested).toEqual([])
    const asked = product
      .filter(({ path }) => path !== 'lib/auth/permissions.ts')
      .map(({ text }) => text)
      .join('\n')
    expect(permissions.filter((permission) => !asked.includes(`'${permission}'`))).toEqual([])
  })

  test('every golden template parses', async () => {
    const templates = await readTemplates(join(root, 'templates'))
    expect(templates.length).toBeGreaterThanOrEqual(3)
  })

  test('.env.example lists exactly the variables the processes read', () => {
    expect(readFileSync(join(root, '.env.example'), 'utf8')).toBe(envExample())
  })

  test('nothing but lib/config and the start program reads the environment of the process', () => {
    // Handing it to a parser of lib/config, and setting what a library wants there, is not reading it.
    const harmless = /parse\w+Config\(process\.env\)|process\.env\[?'?\.?\w+'?\]? = |process\.env(?:\.|\[')NODE_ENV/g
    const readers = product.filter(
      ({ path, text }) => !path.startsWith('lib/config/') && text.replaceAll(harmless, '').includes('process.env'),
    )
    expect(readers.map(({ path }) => path)).toEqual([])
  })
})

/** A number that may be one, before a noun that then is none of several. */
const countedWords =
  /(?:formatCount\((?:[^()]|\([^()]*\))*\)|\w(?:Max|Count|Calls|Minutes))\}\s*(?:\{' '\}\s*)?(?:agent|call|character|day|grant|level|minute|request|run|server|time|tool|turn)s\b/g

test('screens say a count by `plural`, so that one is not said as several', () => {
  expect('`for ${policy.callsMax} calls`'.match(countedWords)).toHaveLength(1)
  const screens = product.filter(({ path }) => /^(?:app|components)\//.test(path))
  expect(screens.flatMap(({ path, text }) => (text.match(countedWords) ?? []).map((found) => [path, found]))).toEqual(
    [],
  )
})

test.each([
  ['agents', reservedAgentIds],
  ['servers', reservedServerIds],
])('every address beside one of the %s is reserved, so that none is hidden by it', (of, reserved) => {
  const address = new RegExp(`^app/.*/${of}/([a-z-]+)/`)
  const beside = files.flatMap(({ path }) => address.exec(path)?.[1] ?? [])
  expect(beside).not.toEqual([])
  expect(beside.filter((id) => !reserved.includes(id))).toEqual([])
})

describe('how files look', () => {
  test('names are kebab-case', () => {
    const odd = files.filter(({ path }) => path.split('/').some((part) => !/^[a-z0-9.\-()[\]@_]+$/.test(part)))
    expect(odd.map(({ path }) => path)).toEqual([])
  })

  test('no file of ours has more than 300 lines of code', () => {
    expect(files.filter(({ text }) => codeLines(text) > 300).map(({ path }) => path)).toEqual([])
  })

  test('no test is skipped or alone', () => {
    const marked = tests.filter(({ text }) => /\b(?:test|it|describe|dbTest)\.(?:skip|only|todo|fails)\b/.test(text))
    expect(marked.map(({ path }) => path).filter((path) => path !== 'lib/dev/conventions.test.ts')).toEqual([])
  })
})

/** A command takes the context first. */
function isCommand({ body }: { body: string }): boolean {
  return /^[^(]*\(\s*ctx\b/.test(body)
}

/** The lines that lead up to each `forbidden`: whom the test refused. */
function aroundRefusals(text: string): string[] {
  const lines = text.split('\n')
  return lines.flatMap((line, at) =>
    line.includes('forbidden') ? [lines.slice(Math.max(0, at - 8), at + 1).join('\n')] : [],
  )
}
