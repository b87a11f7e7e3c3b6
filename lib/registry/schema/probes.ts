import { z } from 'zod'
import type { ToolVerdict } from '../rules/tool-change.ts'
import type { ToolFinding } from '../rules/tool-findings.ts'
import { serverSlug } from '#lib/core/slug.ts'
import { probeCredential } from './credentials.ts'
import type { LeftOutTool } from './tools.ts'
import { type ServerCommand, serverCommand } from './transport.ts'
import type { ToolClass } from './words.ts'

/** What a probe or an address shows. A relaxed one makes the server less guarded: who registers it accepts it by name. */
export const probeFindingKinds = {
  not_probed: { relaxed: true, title: 'Not probed', says: 'Nobody has looked at it yet.' },
  fetches_package: {
    relaxed: true,
    title: 'Fetches its package',
    says: 'It fetches a package from a registry when it starts, and a process in the sandbox has no network. Put the package into the server’s folder and register the program that is there.',
  },
  does_not_start: {
    relaxed: true,
    title: 'Does not start',
    says: 'It was started in the sandbox and did not answer as an MCP server does.',
  },
  unreachable: {
    relaxed: true,
    title: 'Not reachable',
    says: 'Nothing came back. Check the host and the port, and that the network lets the worker and every broker through.',
  },
  untrusted_certificate: {
    relaxed: true,
    title: 'Untrusted certificate',
    says: 'Calls to it fail. Have it show a certificate for this name that the system trusts, or name who issued it: NODE_EXTRA_CA_CERTS of the worker and every broker, or with a client certificate.',
  },
  slow: {
    relaxed: true,
    title: 'No answer in time',
    says: 'Calls to it would wait as well. Look at its load and at what is in front of it, then probe it again.',
  },
  not_mcp: {
    relaxed: true,
    title: 'No MCP server',
    says: 'Something answers there, but not as MCP says. Check the path, such as /mcp, and that nothing in front of it answers in its place.',
  },
  older_transport: {
    relaxed: true,
    title: 'Older transport',
    says: 'It speaks HTTP with SSE of 2024-11-05, which brokers do not. Ask for its Streamable HTTP address, often /mcp beside /sse.',
  },
  tools_not_listed: {
    relaxed: true,
    title: 'Tools not listed',
    says: 'It greets, but does not list its tools, so no agent would get any. See its own log for tools/list.',
  },
  plain_http: { relaxed: true, title: 'Plain HTTP', says: 'Credential, arguments and results travel unencrypted.' },
  loopback_address: { relaxed: true, title: 'Loopback address', says: 'It means another machine for every broker.' },
  private_address: { relaxed: true, title: 'Private address', says: 'The broker reaches into a private network.' },
  no_authentication: { relaxed: true, title: 'No authentication', says: 'Anybody who reaches it may call its tools.' },
  redirects: {
    relaxed: true,
    title: 'Redirects',
    says: 'Brokers follow no redirect. Register the address it leads to, if that is the server you mean.',
  },
  credential_refused: {
    relaxed: true,
    title: 'Credential refused',
    says: 'It does not take the credential that was tried. Check its kind, that it has not ended, and which scopes it has.',
  },
  refused_address: {
    relaxed: false,
    title: 'Refused address',
    says: 'A link-local or metadata address is never called.',
  },
  needs_credential: {
    relaxed: false,
    title: 'Needs a credential',
    says: 'Set one on its page once it is registered, or try one here: Bearer with resource_metadata means OAuth.',
  },
  credential_works: { relaxed: false, title: 'Credential works', says: 'It takes the credential that was tried.' },
  left_out_tools: {
    relaxed: false,
    title: 'Entries left out',
    says: 'What it lists there is no tool: nobody is shown it, and nobody may call it. Its developers have to mend that.',
  },
  tools_not_looked_at: {
    relaxed: false,
    title: 'Tools not looked at',
    says: 'A probe looks at so many; brokers look at more of them once it is registered, each of which waits for its review.',
  },
  unannotated_tools: { relaxed: false, title: 'Tools without annotations', says: 'They count as destructive.' },
  marked_tools: {
    relaxed: false,
    title: 'Tools with marked texts',
    says: 'Read their definitions before approving them.',
  },
} as const satisfies Record<string, { relaxed: boolean; title: string; says: string }>
export type ProbeFindingKind = keyof typeof probeFindingKinds
export type ProbeFinding = { kind: ProbeFindingKind; note: string }

export const probeFindingNames = Object.keys(probeFindingKinds) as [ProbeFindingKind, ...ProbeFindingKind[]]

export type ProbedTool = {
  name: string
  description: string
  /** From its annotations; without any: destructive. */
  class: ToolClass
  annotated: boolean
  findings: ToolFinding[]
}

/** A tool that is new or listed otherwise, as the watch of tools would judge it. */
export type ComparedTool = {
  name: string
  class: ToolClass
  /** null: it is not listed now. */
  classBefore: ToolClass | null
  /** How its definition relates to the approved one. */
  verdict: ToolVerdict
  /** Nobody may call it until somebody has decided about it. */
  waits: boolean
  findings: ToolFinding[]
}

/** What a program offers beside what the server lists now whose place it is to take. */
export type ToolComparison = {
  added: ComparedTool[]
  changed: ComparedTool[]
  /** null: not everything was looked at, so nobody knows. */
  removed: string[] | null
  unchanged: number
  /** The first of those that were not compared, each with why. */
  leftOut: LeftOutTool[]
}

export type ProbeReport = {
  host: string
  addresses: string[]
  tls: 'verified' | 'none' | 'failed' | 'unknown'
  reachable: boolean
  /** What it answered to a request without a credential. */
  challenge: string | null
  /** The issuer that it names as its authorization server (RFC 9728): what it says of itself, to compare with what one knows. */
  authorizationServer?: string
  protocol: { era: 'modern' | 'legacy'; version: string; server: string } | null
  tools: ProbedTool[]
  /** The first of what it lists that is no tool, and how many entries are none; left out: none is. */
  leftOut?: LeftOutTool[]
  leftOutTotal?: number
  findings: ProbeFinding[]
  /** Of a program that was started: the last it said on its standard error, masked. */
  stderr?: string[]
  /** Of a program that was looked at for a server that is registered. */
  comparison?: ToolComparison
}

const probedUrl = z.url({ protocol: /^https?$/, error: 'Use an http or https address.' }).max(500)

/** An address or a program to look at before it is registered. */
export const requestServerProbeInput = z
  .strictObject({
    url: probedUrl.optional(),
    /** Started once in the sandbox. */
    command: serverCommand.optional(),
    /** For a program: the id the server has or is to have, whose folder of programs it is started in and whose tools it is compared with. */
    id: serverSlug.optional(),
    /** Tried once and then forgotten. For a program its secret is what its variables are set to. */
    credential: probeCredential.optional(),
  })
  .superRefine(({ url, command, id, credential }, context) => {
    const say = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message })
    if (url === undefined && command === undefined) say('url', 'Name an address or a program.')
    if (url !== undefined && command !== undefined) say('command', 'Name an address or a program, not both.')
    if (command === undefined && id !== undefined) say('id', 'Only a program has a folder.')
    if (command !== undefined && credential !== undefined && credential.kind !== 'bearer')
      say('credential', "For a program, give the value of its variables as the kind 'bearer'.")
  })
export type RequestServerProbeInput = z.input<typeof requestServerProbeInput>

export type ServerProbeView = {
  id: string
  /** Empty for a program. */
  url: string
  command: ServerCommand | null
  createdAt: string
  finishedAt: string | null
  report: ProbeReport | null
}
