import {
  commandOf,
  emptyProgram,
  missingVariables,
  type ProgramDraft,
  secretOf,
} from '#components/servers/program-draft.ts'
import type { ProbeTarget } from '#components/servers/use-probe.client.ts'
import { openFindings } from '#lib/registry/rules/server-address.ts'
import { openCommandFindings } from '#lib/registry/rules/server-command.ts'
import type { DataClass, Environment, Sensitivity } from '#lib/registry/schema.ts'
import type { ProbeFindingKind } from '#lib/registry/schema/probes.ts'

/** What is typed or imported of a server before it is registered. */
export type Draft = ProgramDraft & {
  id: string
  name: string
  description: string
  transport: 'http' | 'stdio'
  url: string
  /** In which its file says that a credential goes; empty: it says nothing of one. */
  credentialHeader: string
  environment: Environment
  sensitivity: Sensitivity
  dataClasses: DataClass[]
}

export const emptyDraft: Draft = {
  ...emptyProgram,
  id: '',
  name: '',
  description: '',
  transport: 'http',
  url: '',
  credentialHeader: '',
  environment: 'staging',
  sensitivity: 'internal',
  dataClasses: [],
}

/** What is registered, if that is clear already. */
export function targetOf(draft: Draft): ProbeTarget | null {
  if (draft.transport === 'http') {
    const isAddress = URL.canParse(draft.url) && /^https?:/.test(draft.url)
    return isAddress ? { url: draft.url } : null
  }
  const command = commandOf(draft)
  return command.command === '' ? null : { command, ...(draft.id === '' ? {} : { id: draft.id }) }
}

export function openOf(target: ProbeTarget, known: Parameters<typeof openFindings>[1]) {
  return 'url' in target ? openFindings(target.url, known) : openCommandFindings(target.command, known)
}

/** What the variables of its program are set to, if it is one; null: nothing is said. */
export function programSecretOf(draft: Draft): string | null {
  return draft.transport === 'stdio' ? secretOf(draft) : null
}

/** The variables that its program, if it is one, cannot do without and that nothing is said of. */
export function missingOf(draft: Draft): string[] {
  return draft.transport === 'stdio' ? missingVariables(draft) : []
}

export function inputOf(draft: Draft, acknowledged: ProbeFindingKind[]) {
  const { id, name, description, environment, sensitivity, dataClasses } = draft
  const where =
    draft.transport === 'http'
      ? { transport: 'http' as const, url: draft.url }
      : { transport: 'stdio' as const, command: commandOf(draft) }
  return { id, name, description, environment, sensitivity, dataClasses, ...where, acknowledged }
}
