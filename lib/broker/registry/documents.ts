import { type McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { can } from '#lib/auth/ctx.ts'
import { exportManifest } from '#lib/lifecycle/queries.ts'
import { listAgents } from '#lib/registry/queries.ts'
import { queryHelp } from './query-help.ts'
import { type Asker, askOnRecord } from './record.ts'

const helpUri = 'wheelhouse://help/query'
const completionsMax = 20

/** Documents for whoever reads agents: each agent as YAML, and how to ask. The fleet is not listed: it is searched. */
export function registerDocuments(server: McpServer, asker: Asker): void {
  const { ctx } = asker
  server.registerResource(
    'query-language',
    helpUri,
    {
      title: "The catalog's query language",
      description: 'Every qualifier with what it means.',
      mimeType: 'text/markdown',
    },
    ({ href }) => ({ contents: [{ uri: href, mimeType: 'text/markdown', text: queryHelp() }] }),
  )
  if (!can(ctx.actor, 'agents:read')) return
  const template = new ResourceTemplate('wheelhouse://agents/{id}', {
    list: undefined,
    complete: { id: async (typed) => idsLike(asker, typed) },
  })
  const mimeType = 'application/yaml'
  server.registerResource(
    'agent',
    template,
    { title: 'An agent as YAML', description: 'The registry entry as it is exported and applied.', mimeType },
    async ({ href }, { id }) => {
      const agentId = String(id)
      const text = await askOnRecord(
        asker,
        { tool: 'resources/read', arguments: { uri: href }, agentId, permission: 'agents:read' },
        () => exportManifest(ctx, agentId),
      )
      return { contents: [{ uri: href, mimeType, text }] }
    },
  )
  registerPrompts(server)
}

async function idsLike(asker: Asker, typed: string): Promise<string[]> {
  const word = typed.replaceAll(/["\\]/g, '')
  const q = word === '' ? '' : `"${word.slice(0, 100)}"`
  return await askOnRecord(
    asker,
    { tool: 'completion/complete', arguments: { id: typed }, permission: 'agents:read' },
    async () => (await listAgents(asker.ctx, { q, limit: completionsMax })).items.map(({ id }) => id),
  )
}

function registerPrompts(server: McpServer): void {
  const says = (text: string) => ({ messages: [{ role: 'user' as const, content: { type: 'text' as const, text } }] })
  server.registerPrompt(
    'who_can',
    {
      title: 'Who can do this?',
      description: 'Which agents can do something now, by whom they are owned, and why.',
      argsSchema: z.object({ what: z.string().max(200).describe('E.g. "write to production".') }),
    },
    ({ what }) =>
      says(
        `Which of our agents can ${what}? Search the Wheelhouse registry for effective access, give the total, divide it by owner team, and name for the riskiest few through which grant they reach it and until when.`,
      ),
  )
  server.registerPrompt(
    'needs_attention',
    {
      title: 'What needs attention?',
      description: 'Agents that are orphaned, overdue for review, idle or escalate much.',
    },
    () =>
      says(
        'Look through our agents in the Wheelhouse registry for what needs attention: sponsor:none, overdue:yes, idle:>30d -status:retired, escalation:>0.1. Give counts, the owners concerned, and for each group what should happen next.',
      ),
  )
}
