import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { UsageError } from '../errors.ts'
import { readScope, type ScopeOptions, scopeOptions, wantedScope } from './scope-words.ts'

describe('a scope as one value', () => {
  test('is a server, a class and tools between colons', () => {
    expect(readScope('erp:read')).toEqual({ serverId: 'erp', class: 'read', toolNames: [], days: null })
    expect(readScope('erp:write:post,look')).toMatchObject({ class: 'write', toolNames: ['post', 'look'] })
    expect(readScope('erp:read:method:resources')).toMatchObject({ toolNames: ['method:resources'] })
    expect(readScope('erp::post')).toEqual({ serverId: 'erp', toolNames: ['post'], days: null })
  })

  test('says in words everything that a request of its own says', () => {
    const words = ['write', '--tool', 'post', '--days', '30', '--where', '/amount between 0..100', '--rate', '10/hour']
    const more = ['--ticket', 'FIN-7']
    const parsed = scopeOptions(new Command())
      .argument('[class]')
      .parse([...words, ...more], { from: 'user' })
    const asked = wantedScope(parsed.args[0], parsed.opts<ScopeOptions>())
    expect(asked).toEqual({
      class: 'write',
      toolNames: ['post'],
      days: 30,
      ticket: 'FIN-7',
      conditions: [{ pointer: '/amount', range: { min: 0, max: 100 } }],
      rate: { calls: 10, per: 'hour' },
    })
    const line = `erp write --tool post --days 30 --where "/amount between 0..100" --rate 10/hour --ticket 'FIN-7'`
    expect(readScope(line)).toEqual({ serverId: 'erp', ...asked })
    expect(readScope('erp --tool post --reason "to post, it says"')).toMatchObject({
      toolNames: ['post'],
      reason: 'to post, it says',
    })
  })

  test.each([
    ['', 'Name the server'],
    ['erp', 'The class is one of'],
    ['erp:all', 'The class is one of'],
    ['erp:read:', 'Name each tool'],
    ['erp write --days soon', 'whole number'],
    ['erp write --rate often', 'often'],
    ['erp write --where amount', 'amount'],
    ['erp write --wher x', "unknown option '--wher'"],
    ['erp write post', 'too many arguments'],
    ['erp write --reason "open', 'quote is not closed'],
    ['erp --days 3', 'The class is one of'],
  ])('refuses %j, by what is wrong with it', (text, problem) => {
    expect(() => readScope(text)).toThrow(UsageError)
    expect(() => readScope(text)).toThrow(problem)
    expect(() => readScope(text)).toThrow(`--scope ${text}: `)
  })
})
