import type { Db } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import type { ToolClass, ToolState } from '#lib/registry/schema.ts'
import { capabilities, grantName } from '#lib/registry/schema/capabilities.ts'
import type { TemplateManifest } from '#lib/templates/schema.ts'

type ServerOptions = Partial<Omit<Prisma.McpServerCreateInput, 'tools'>> & {
  /** Tools by name; a class alone means approved. */
  tools?: Record<string, ToolClass | { class: ToolClass; state: ToolState }>
}

/** A registered MCP server on staging with a read, a write and a destructive tool unless told otherwise. */
export async function makeServer(db: Db, options: ServerOptions = {}): Promise<string> {
  const { tools, ...server } = options
  const id = server.id ?? `server-${crypto.randomUUID().slice(0, 8)}`
  await db.mcpServer.create({
    data: {
      name: `Server ${id}`,
      description: 'to be tested',
      url: `http://127.0.0.1:1/${id}`,
      environment: 'staging',
      sensitivity: 'internal',
      ...server,
      id,
      tools: {
        create: Object.entries(tools ?? { look: 'read', change: 'write', wipe: 'destructive' }).map(([name, tool]) => ({
          name,
          description: `${name} something`,
          inputSchema: { type: 'object' },
          annotations: {},
          class: typeof tool === 'string' ? tool : tool.class,
          state: typeof tool === 'string' ? 'approved' : tool.state,
          definitionHash: `hash-of-${name}`,
        })),
      },
    },
  })
  return id
}

/** What a grant on a whole server opens besides tools. */
export const besidesTools = capabilities.filter(({ grantedBy }) => grantedBy === 'server').map(grantName)

/** A grant in force, of class read unless told otherwise. */
export async function makeGrant(
  db: Db,
  grant: { agentId: string; serverId: string } & Partial<Prisma.GrantUncheckedCreateInput>,
): Promise<string> {
  const row = await db.grant.create({ data: { class: 'read', reason: 'to be tested', via: 'request', ...grant } })
  return row.id
}

/** A published template version with one string parameter, `currency` unless told otherwise; `scopes` is its scoping policy. */
export async function makeTemplate(
  db: Db,
  options: {
    id?: string
    version?: string
    scopes?: TemplateManifest['scopes']
    changelog?: string
    parameter?: string
  } = {},
): Promise<{ id: string; version: string }> {
  const id = options.id ?? `template-${crypto.randomUUID().slice(0, 8)}`
  const version = options.version ?? '1.0.0'
  const manifest: TemplateManifest = {
    id,
    version,
    name: `Template ${id}`,
    summary: 'For tests',
    description: 'For tests',
    model: { tier: 'standard', id: 'claude-sonnet-5-5' },
    parameters: {
      [options.parameter ?? 'currency']: {
        type: 'string',
        title: 'Currency',
        description: 'ISO 4217',
        default: 'EUR',
        maxLength: 3,
      },
    },
    sandbox: {
      tools: ['bash'],
      network: 'none',
      limits: { memoryMb: 256, cpus: 1, processes: 64, diskMb: 64, commandSeconds: 30 },
    },
    harness: { turnsMax: 20, deadlineMinutes: 10, runBudgetMicros: 1_000_000 },
    scopes: options.scopes ?? [],
    firstRun: { input: 'Begin.' },
    suggestedSchedule: null,
  }
  await db.template.upsert({
    where: { id },
    create: { id, name: manifest.name, summary: manifest.summary },
    update: {},
  })
  const prompt = `You are ${id} ${version}. Currency {{currency}}.\n{{team_layer}}`
  await db.templateVersion.create({
    data: {
      templateId: id,
      version,
      manifest,
      prompt,
      changelog: options.changelog ?? '',
      evals: [],
      digest: crypto.randomUUID(),
    },
  })
  return { id, version }
}
