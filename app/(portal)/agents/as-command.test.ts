import { execFileSync } from 'node:child_process'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { createProgram } from '#lib/api/cli/program.ts'
import { processTerminal } from '#lib/api/cli/terminal.ts'
import { routes } from '#lib/api/routes.ts'
import { parseCliConfig } from '#lib/config/cli.ts'
import type { AgentListQuery } from '#lib/registry/schema.ts'
import { catalogApiPath, catalogCommand } from './as-command.ts'

const views: Partial<AgentListQuery>[] = [
  {},
  { q: 'can:write env:production' },
  { q: `it's a "test" $(rm -rf /) \\ *` },
  { q: '-dash' },
  { can: 'write', env: 'production,staging', status: 'active,suspended', tier: 'high' },
  { owner: 'finance-platform', server: 'erp', template: 'invoice-reconciler', q: 'freight' },
]

describe('what the catalog shows as a command', () => {
  test.each(views)('is what the command line takes, and means the same: %j', async (view) => {
    expect(await readByProgram(wordsOf(catalogCommand(view)))).toEqual({ q: '', ...view })
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
  const { sort: _sort, limit: _limit, ...filters } = given
  return filters
}

function named(parent: Command, name: string): Command {
  return parent.commands.find((command) => command.name() === name)!
}
