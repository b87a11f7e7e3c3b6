import type { Rule } from '../schema.ts'
import { platform } from './rule-keepers.ts'

/** The rules of sizes, depths and numbers; part of the one table in schema.ts. */
export const limitRules = {
  request_too_large: {
    title: 'Requests are limited in size',
    explanation: 'The request is larger than the broker takes.',
    remedy: 'Send less at once.',
    setBy: 'Platform',
    changedBy: platform,
  },
  result_too_large: {
    title: 'Results are limited in size',
    explanation: 'The answer of the MCP server is larger than the broker passes on.',
    remedy: 'Ask for less at once, for instance with paging.',
    setBy: 'Platform',
    changedBy: platform,
  },
  request_too_deep: {
    title: 'Requests are limited in depth',
    explanation: 'The request nests arrays and objects deeper than the broker takes.',
    remedy: 'Send flatter arguments.',
    setBy: 'Platform',
    changedBy: platform,
  },
  number_inexact: {
    title: 'Numbers are passed on as they are, or not at all',
    explanation:
      'The request holds a number that cannot be held exactly, such as 9007199254740993 or 1e400: what was decided about it would be another number than the one that was sent.',
    remedy: 'Send it as text where the tool takes text, or a number with fewer digits.',
    setBy: 'Platform',
    changedBy: platform,
  },
  calls_at_once: {
    title: 'Calls under way at once are limited',
    explanation:
      'As many calls of this agent, or to this server, are under way as a broker carries at once, or as many of the agent wait for people.',
    remedy: 'Wait until one has ended, and make fewer at once.',
    setBy: 'Platform',
    changedBy: platform,
  },
  result_too_deep: {
    title: 'Results are limited in depth',
    explanation: 'The answer of the MCP server nests arrays and objects deeper than the broker passes on.',
    remedy: 'Ask the owner of the server for a flatter answer.',
    setBy: 'Platform',
    changedBy: platform,
  },
} as const satisfies Record<string, Omit<Rule, 'id'>>
