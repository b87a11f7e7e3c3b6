// A demo MCP server over stdio. The sandbox service starts it from a folder of its own, so it imports nothing of ours.
import { McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'

const day = z.iso.date().describe('A day, e.g. 2026-05-30')
const daysMax = 10_000

function isWorkday(date: Date): boolean {
  return date.getUTCDay() % 6 !== 0
}

function step(date: Date, days: number): Date {
  return new Date(date.getTime() + days * 86_400_000)
}

function addWorkdays(from: string, count: number): string {
  let date = new Date(from)
  for (let left = Math.abs(count); left > 0; left -= isWorkday(date) ? 1 : 0) date = step(date, Math.sign(count))
  return date.toISOString().slice(0, 10)
}

function workdaysBetween(from: string, to: string): number {
  let count = 0
  for (let date = step(new Date(from), 1); date <= new Date(to) && count <= daysMax; date = step(date, 1))
    count += isWorkday(date) ? 1 : 0
  return count
}

const readOnly = { readOnlyHint: true, idempotentHint: true, openWorldHint: false }
const answer = (value: object) => ({
  content: [{ type: 'text' as const, text: JSON.stringify(value) }],
  structuredContent: { ...value },
})

serveStdio(() => {
  const server = new McpServer({ name: 'workdays', version: '1.0.0' })
  server.registerTool(
    'add_workdays',
    {
      title: 'Add workdays',
      description: 'The day that is so many workdays (Monday to Friday) after another, or before it.',
      inputSchema: z.object({ from: day, days: z.int().min(-daysMax).max(daysMax) }),
      outputSchema: z.object({ day: z.string() }),
      annotations: readOnly,
    },
    ({ from, days }) => answer({ day: addWorkdays(from, days) }),
  )
  server.registerTool(
    'workdays_between',
    {
      title: 'Workdays between two days',
      description: 'How many workdays (Monday to Friday) come after the first day, up to and including the second.',
      inputSchema: z.object({ from: day, to: day }),
      outputSchema: z.object({ workdays: z.int() }),
      annotations: readOnly,
    },
    ({ from, to }) => answer({ workdays: workdaysBetween(from, to) }),
  )
  return server
})
