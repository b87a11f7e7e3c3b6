import { z } from 'zod'
import type { ToolFinding } from '../rules/tool-findings.ts'
import type { ToolClass } from './words.ts'

/** What a probe or an address shows. A relaxed one makes the server less guarded: who registers it accepts it by name. */
export const probeFindingKinds = {
  not_probed: { relaxed: true, title: 'Not probed', says: 'Nobody has looked at this address yet.' },
  unreachable: { relaxed: true, title: 'Not reachable', says: 'It did not answer as an MCP server does.' },
  plain_http: { relaxed: true, title: 'Plain HTTP', says: 'Credential, arguments and results travel unencrypted.' },
  loopback_address: { relaxed: true, title: 'Loopback address', says: 'It means another machine for every broker.' },
  private_address: { relaxed: true, title: 'Private address', says: 'The broker reaches into a private network.' },
  no_authentication: { relaxed: true, title: 'No authentication', says: 'Anybody who reaches it may call its tools.' },
  redirects: {
    relaxed: true,
    title: 'Redirects',
    says: 'It answers with a redirect, which the broker does not follow.',
  },
  credential_refused: {
    relaxed: true,
    title: 'Credential refused',
    says: 'It does not take the credential that was tried.',
  },
  refused_address: {
    relaxed: false,
    title: 'Refused address',
    says: 'A link-local or metadata address is never called.',
  },
  needs_credential: { relaxed: false, title: 'Needs a credential', says: 'It asks for authentication.' },
  credential_works: { relaxed: false, title: 'Credential works', says: 'It takes the credential that was tried.' },
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
  /** From its annotations; without any: write. */
  class: ToolClass
  annotated: boolean
  findings: ToolFinding[]
}

export type ProbeReport = {
  host: string
  addresses: string[]
  tls: 'verified' | 'none' | 'failed' | 'unknown'
  reachable: boolean
  /** What it answered to a request without a credential. */
  challenge: string | null
  protocol: { era: 'modern' | 'legacy'; version: string; server: string } | null
  tools: ProbedTool[]
  findings: ProbeFinding[]
}

const secret = z
  .string()
  .min(1)
  .max(8000)
  .regex(/^[^\r\n]*$/, 'A credential is one line.')

export const requestServerProbeInput = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'Use an http or https address.' }).max(500),
  /** Tried once and then forgotten. */
  credential: z
    .strictObject({
      kind: z.enum(['bearer', 'basic', 'header']),
      headerName: z
        .string()
        .regex(/^[A-Za-z0-9-]{1,100}$/, 'Use letters, digits and hyphens.')
        .optional(),
      secret,
    })
    .refine((input) => (input.kind === 'header') === (input.headerName !== undefined), {
      path: ['headerName'],
      error: "A header name belongs to the kind 'header', and only to it.",
    })
    .optional(),
})
export type RequestServerProbeInput = z.infer<typeof requestServerProbeInput>

export type ServerProbeView = {
  id: string
  url: string
  createdAt: string
  finishedAt: string | null
  report: ProbeReport | null
}
