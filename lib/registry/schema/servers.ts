import { z } from 'zod'
import { slug } from '#lib/core/slug.ts'
import type { ScopeChip } from '../schema.ts'
import {
  checkTransport,
  type ServerCommand,
  serverCommand,
  type ServerTransport,
  serverTransports,
} from './transport.ts'
import {
  type AgentStatus,
  type Environment,
  environments,
  oneLine,
  sensitivities,
  type Sensitivity,
  type ToolClass,
  toolClasses,
  type ToolState,
} from './words.ts'

const serverUrl = z.url({ protocol: /^https?$/, error: 'Use an http or https address.' }).max(500)

export const registerServerInput = z
  .strictObject({
    id: slug,
    name: oneLine(100).min(1),
    description: oneLine(1000).default(''),
    transport: z.enum(serverTransports).default('http'),
    url: serverUrl.optional(),
    command: serverCommand.optional(),
    environment: z.enum(environments),
    sensitivity: z.enum(sensitivities),
  })
  .superRefine(checkTransport)
export type RegisterServerInput = z.infer<typeof registerServerInput>

export const updateServerInput = z.strictObject({
  id: z.string(),
  name: oneLine(100).min(1).optional(),
  description: oneLine(1000).optional(),
  /** Only of a server over HTTP. */
  url: serverUrl.optional(),
  /** Only of a server over stdio. */
  command: serverCommand.optional(),
  environment: z.enum(environments).optional(),
  sensitivity: z.enum(sensitivities).optional(),
  status: z.enum(['active', 'disabled']).optional(),
})
export type UpdateServerInput = z.infer<typeof updateServerInput>

export const classifyToolInput = z.strictObject({ serverId: z.string(), name: z.string(), class: z.enum(toolClasses) })
export type ClassifyToolInput = z.infer<typeof classifyToolInput>

/** The hash the approver has seen: a definition that changed meanwhile is not approved by accident. */
export const approveToolInput = z.strictObject({ serverId: z.string(), name: z.string(), definitionHash: z.string() })
export type ApproveToolInput = z.infer<typeof approveToolInput>

/** What a server lists (MCP `tools/list`), to be compared with what is known. */
export const recordServerToolsInput = z.strictObject({
  serverId: z.string(),
  tools: z.array(
    z.object({
      name: z.string().min(1).max(200),
      title: z.string().optional(),
      description: z.string().optional(),
      inputSchema: z.record(z.string(), z.unknown()),
      annotations: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
  /** What a tool never seen before starts as. */
  newToolState: z.enum(['approved', 'quarantined']),
})
export type RecordServerToolsInput = z.infer<typeof recordServerToolsInput>

export type ServerRow = {
  id: string
  name: string
  description: string
  transport: ServerTransport
  /** Empty for stdio. */
  url: string
  /** What is started for stdio; null for http. */
  command: ServerCommand | null
  environment: Environment
  sensitivity: Sensitivity
  status: 'active' | 'disabled'
  /** Approved tools by class, and how many wait for a review. */
  tools: Record<ToolClass | 'quarantined', number>
  /** Agents that hold a grant in force. */
  agents: number
  /** null: none is set; the secret itself is never shown. */
  credential: { kind: string; headerName: string | null; updatedAt: string; lastUsedAt: string | null } | null
  demo: boolean
}

export type ToolView = {
  name: string
  title: string | null
  description: string
  inputSchema: Record<string, unknown>
  annotations: Record<string, unknown>
  class: ToolClass
  /** 'annotations': the server said so; 'platform': somebody here did. */
  classSource: string
  state: ToolState
  definitionHash: string
  firstSeenAt: string
  lastSeenAt: string
}

export type ServerView = ServerRow & {
  toolList: ToolView[]
  /** Who holds what: grants in force, by agent. */
  holders: (ScopeChip & {
    grantId: string
    agent: { id: string; name: string; status: AgentStatus }
    owner: { id: string; name: string }
  })[]
  createdAt: string
  updatedAt: string
}
