import { z } from 'zod'
import { serverSlug } from '#lib/core/slug.ts'
import type { ScopeChip } from '../schema.ts'
import type { Capability } from './capabilities.ts'
import type { CredentialView } from './credentials.ts'
import type { PackageFacts } from './packages.ts'
import type { LooseningView } from './loosenings.ts'
import {
  checkTransport,
  type ServerCommand,
  serverCommand,
  type ServerTransport,
  serverTransports,
} from './transport.ts'
import { type ProbeFindingKind, probeFindingNames } from './probes.ts'
import type { ToolListingView, ToolView } from './tools.ts'
import {
  type AgentStatus,
  type DataClass,
  dataClasses,
  type Environment,
  environments,
  oneLine,
  sensitivities,
  type Sensitivity,
  type ToolClass,
} from './words.ts'

/** Each once, in the order of the words. */
const dataClassList = z
  .array(z.enum(dataClasses))
  .max(20)
  .transform((given) => dataClasses.filter((each) => given.includes(each)))

const serverUrl = z.url({ protocol: /^https?$/, error: 'Use an http or https address.' }).max(500)

export const registerServerInput = z
  .strictObject({
    id: serverSlug,
    name: oneLine(100).min(1),
    description: oneLine(1000).default(''),
    transport: z.enum(serverTransports).default('http'),
    url: serverUrl.optional(),
    command: serverCommand.optional(),
    environment: z.enum(environments),
    sensitivity: z.enum(sensitivities),
    dataClasses: dataClassList.default([]),
    acknowledged: z
      .array(z.enum(probeFindingNames))
      .max(20)
      .default([])
      .describe('What guards it less and is accepted by name: findings of the last probe and of the address itself.'),
  })
  .superRefine(checkTransport)
export type RegisterServerInput = z.infer<typeof registerServerInput>

export const updateServerInput = z.strictObject({
  id: z.string(),
  name: oneLine(100).min(1).optional(),
  description: oneLine(1000).optional(),
  url: serverUrl.optional().describe('Only of a server over HTTP. At another origin it has no credential any more.'),
  command: serverCommand
    .optional()
    .describe('Only of a server over stdio. As another program it has no credential any more.'),
  environment: z.enum(environments).optional(),
  sensitivity: z.enum(sensitivities).optional(),
  dataClasses: dataClassList.optional(),
  status: z
    .enum(['active', 'disabled'])
    .optional()
    .describe('A disabled server keeps its grants, tools and credentials, and no agent reaches it.'),
  reason: oneLine(1000)
    .min(1, 'Say why: its page, the calls that are refused and the audit log keep it.')
    .optional()
    .describe('Why it is disabled: needed with that, and only then. Agents whose calls are refused are told it.'),
  approverId: z
    .uuid()
    .nullable()
    .optional()
    .describe('Who is asked when its tools change: somebody who may manage servers; null: everybody who may.'),
  acknowledged: z
    .array(z.enum(probeFindingNames))
    .max(20)
    .optional()
    .describe('What guards it less at a new address, or as a new program, and is accepted by name.'),
})
export type UpdateServerInput = z.infer<typeof updateServerInput>

/** A `server.json` of the official registry and which of the ways it names is meant; what is not given is taken from the file. */
export const importServerInput = z.strictObject({
  text: z.string().min(1).max(200_000),
  option: z.int().min(0).max(100).default(0).describe('Which of the ways it names, from 0: remotes first.'),
  packageId: z.uuid().optional().describe('Of a package: what was fetched of it before.'),
  program: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe('Of a package: which of its programs; otherwise the one that npm would take.'),
  values: z
    .record(z.string().max(300), z.string().max(2000))
    .default({})
    .describe('What the file leaves open of its arguments, by name.'),
  id: serverSlug.optional(),
  name: oneLine(100).min(1).optional(),
  environment: z.enum(environments),
  sensitivity: z.enum(sensitivities),
  dataClasses: dataClassList.default([]),
  acknowledged: z.array(z.enum(probeFindingNames)).max(20).default([]),
})
export type ImportServerInput = z.infer<typeof importServerInput>

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
  dataClasses: DataClass[]
  status: 'active' | 'disabled'
  /** Approved tools by class, and how many wait for a review. */
  tools: Record<ToolClass | 'quarantined', number>
  /** Changes that were recorded while the tool stays as approved: other wording, or less taken. */
  recordedChanges: number
  /** Agents that hold a grant in force. */
  agents: number
  /** The server's own first, then the teams'; the secrets themselves are never shown. */
  credentials: CredentialView[]
  demo: boolean
}

/** A grant in force on a server, and who holds it. */
export type ServerHolder = ScopeChip & {
  grantId: string
  agent: { id: string; name: string; status: AgentStatus }
  owner: { id: string; name: string }
  accountable: { id: string; name: string }
}
export type ServerHolderList = { items: ServerHolder[]; total: number; nextCursor: string | null }

export type RemovedToolList = { items: ToolView[]; total: number; nextCursor: string | null }

export type ServerView = ServerRow & {
  /** Why it is disabled; null: it is not, or nobody was asked. */
  statusReason: string | null
  /** Who is asked when its tools change; null: everybody who manages servers. */
  approver: { id: string; name: string } | null
  /** When what it is started from was first fetched, and what is in it; null: it is of no package. */
  packageFetch: (PackageFacts & { fetchedAt: string }) | null
  /** What guards it less and was accepted by name when its address was given. */
  accepted: { finding: ProbeFindingKind; byName: string; at: string }[]
  /** What it lists. */
  toolList: ToolView[]
  /** The last of those that it no longer lists, and how many there are. */
  removedTools: ToolView[]
  removedTotal: number
  /** How the last look at them ended; null: no broker has looked yet. */
  listing: ToolListingView | null
  /** Who holds what: the first of the grants in force, the widest class first, then by agent. */
  holders: ServerHolder[]
  /** How many there are. */
  holdersTotal: number
  /** What can be granted besides its tools, and how many agents hold it now: by a grant that names it, or of the whole server where that covers it. */
  besidesTools: (Capability & { agents: number })[]
  /** What would loosen its facts or those of its tools and waits for a second person. */
  loosenings: LooseningView[]
  createdAt: string
  updatedAt: string
}
