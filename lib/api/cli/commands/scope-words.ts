import { Command, CommanderError } from 'commander'
import type { ToolClass } from '#lib/registry/schema.ts'
import { toolClasses } from '#lib/registry/schema.ts'
import type { ArgumentCondition, CallRate } from '#lib/registry/schema/conditions.ts'
import { UsageError } from '../errors.ts'
import { checkValues } from './numbers.ts'
import { collect, limitsFrom, whereHelp } from './scope-limits.ts'

/** What of a server is asked for, as every command that asks for a scope takes it. */
export type WantedScope = {
  class?: ToolClass
  toolNames: string[]
  days: number | null
  reason?: string
  ticket?: string
  conditions?: ArgumentCondition[]
  rate?: CallRate
}

export type ScopeOptions = {
  reason?: string
  tool: string[]
  days?: string
  ticket?: string
  where: string[]
  rate?: string
}

/** The options behind the server and the class; how the reason is given is the command's own. */
export function scopeOptions(command: Command): Command {
  return command
    .option(
      '--tool <name>',
      'only this tool, or what is granted besides tools, such as method:sampling/createMessage (may be repeated)',
      collect,
      [],
    )
    .option('--days <days>', 'for so many days; otherwise until revoked')
    .option('--ticket <text>', 'where the need is written down')
    .option('--where <condition>', whereHelp, collect, [])
    .option('--rate <rate>', 'at most so often: 10/minute or 100/hour')
}

/** A class may be left out where tools are named: it is the one that they need. */
export function wantedScope(toolClass: string | undefined, options: ScopeOptions): WantedScope {
  const found = toolClasses.find((each) => each === toolClass)
  if (!found && (toolClass || options.tool.length === 0)) {
    throw new UsageError(`The class is one of: ${toolClasses.join(', ')}. It may be left out with --tool.`)
  }
  const { reason, ticket, days, tool } = options
  return {
    ...(found ? { class: found } : {}),
    toolNames: tool,
    days: days ? Number(days) : null,
    ...(reason === undefined ? {} : { reason }),
    ...(ticket === undefined ? {} : { ticket }),
    ...limitsFrom(options),
  }
}

/** A scope as one value: `erp:write:tool,tool`, or in quotes what `scopes request` takes behind the agent: `erp write --days 30 --rate 10/hour`. */
export function readScope(text: string): WantedScope & { serverId: string } {
  try {
    if (/\s/.test(text.trim())) return fromWords(wordsOf(text))
    const [serverId = '', toolClass = '', ...tools] = text.trim().split(':')
    if (serverId === '') throw new UsageError('Name the server.')
    const tool = tools.length === 0 ? [] : tools.join(':').split(',')
    if (tool.includes('')) throw new UsageError('Name each tool.')
    return { serverId, ...wantedScope(toolClass, { tool, where: [] }) }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(
      `--scope ${text}: ${error.message} Write server:class, server:class:tool,tool, or in quotes what \`scopes request\` takes behind the agent.`,
    )
  }
}

function fromWords(words: string[]): WantedScope & { serverId: string } {
  const command = new Command('--scope').argument('<server>').argument('[class]')
  scopeOptions(command).option('--reason <text>')
  checkValues(command)
  command
    .exitOverride()
    .helpOption(false)
    .configureOutput({ writeErr: () => {}, outputError: () => {} })
  try {
    command.parse(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    throw new UsageError(`${error.message.replace(/^error: /, '').replace(/\.$/, '')}.`)
  }
  const [serverId = '', toolClass] = command.args
  return { serverId, ...wantedScope(toolClass, command.opts<ScopeOptions>()) }
}

/** Words as a shell parts them: at spaces that are not in quotes. */
function wordsOf(text: string): string[] {
  const words: string[] = []
  let word: string | null = null
  let quote: string | null = null
  for (const letter of text) {
    if (quote !== null) {
      if (letter === quote) quote = null
      else word += letter
    } else if (letter === '"' || letter === "'") {
      quote = letter
      word ??= ''
    } else if (/\s/.test(letter)) {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + letter
  }
  if (quote !== null) throw new UsageError('A quote is not closed.')
  return word === null ? words : [...words, word]
}
