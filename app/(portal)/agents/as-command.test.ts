import { execFileSync } from 'node:child_process'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { createProgram } from '#lib/api/cli/program.ts'
import { processTerminal } from '#lib/api/cli/terminal.ts'
import { routes } from '#lib/api/routes.ts'
import { parseCliConfig } from '#lib/config/cli.ts'
import { catalogApiPath, catalogCommand } from './as-command.ts'
import type { CatalogAsked } from './catalog-query.ts'

const views: CatalogAsked[] = [
  {},
  { q: 'can:write env:production' },
  { q: `it's a "test" $(rm -rf /) \\ *` },
  { q: '-dash' },
  { q: 'can:write env:production,staging -status:active,suspended', sort: 'cost', order: 'desc' },
  { q: 'owner:finance-platform freight', sort: 'next_review', asOf: '2026-11-01T10:00:00Z' },
]

describe('what the catalog shows as a command', () => {
  test.each(views)('is what the command line takes, and means the same: %j', async (view) => {
    expect(await readByProgram(wordsOf(catalogCommand(view)))).toEqual({ q: '', sort: 'id', order: 'asc', ...view })
  })

  test.each(views)('is what the API takes, and means the same: %j', (view) => {
    const { pathname, searchParams } = new URL(catalogApiPath(view), 'http://localhost')
    expect(pathname).toBe(routes.agents.list.path)
    expect(routes.agents.list.query?.parse(Object.fromEntries(searchParams))).toMatchObject(view)
  })
})

/** As a shell hands them on. */
function wordsOf(command: string): string[] {
  const script = `npx() { printf '%s\\0' "$@"; }; ${command}`
  return execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1)
}

/** Parses with the program's own definition; instead of asking a portal, what the verb would be given comes back. */
async function readByProgram([program, ...args]: string[]): Promise<Record<string, unknown>> {
  expect(program).toBe('wheelhouse')
  const root = createProgram({ config: parseCliConfig({}), terminal: processTerminal() })
  const list = named(named(root, 'agents'), 'list')
  let given: Record<string, unknown> = {}
  list.action((words: string[], options: Record<string, unknown>) => {
    given = { ...options, q: words.join(' ') }
  })
  await root.parseAsync(args, { from: 'user' })
  const { desc, limit: _limit, ...rest } = given
  return { ...rest, order: desc === true ? 'desc' : 'asc' }
}

function named(parent: Command, name: string): Command {
  return parent.commands.find((command) => command.name() === name)!
}
