import { reachedText, unreachedTexts } from '#lib/registry/schema/reach-text.ts'
import type { GrantView, ScopeRequestRow } from '#lib/scopes/schema.ts'
import type { Cli } from '../cli.ts'
import type { Column } from '../table.ts'
import { minute, oneLine } from '../text.ts'
import { requestScopeText, scopeText } from './agent-table.ts'

export const requestColumns: Column<ScopeRequestRow>[] = [
  { title: 'ID', value: (row) => row.id },
  { title: 'AGENT', value: (row) => row.agent.id },
  { title: 'SCOPE', value: requestScopeText, widthMin: 12 },
  { title: 'ENVIRONMENT', value: (row) => row.server.environment, dispensable: 2 },
  { title: 'DAYS', value: (row) => (row.days === null ? 'open' : String(row.days)), align: 'right', dispensable: 3 },
  { title: 'STATE', value: (row) => row.state.replace('_', ' ') },
  { title: 'ASKED BY', value: (row) => row.requestedBy.name, widthMin: 8, dispensable: 4 },
  { title: 'ASKED (UTC)', value: (row) => minute(row.createdAt), dispensable: 1 },
]

const grantColumns: Column<GrantView>[] = [
  { title: 'ID', value: (grant) => grant.id },
  { title: 'AGENT', value: (grant) => grant.agent.id },
  { title: 'SCOPE', value: scopeText, widthMin: 12 },
  { title: 'ENVIRONMENT', value: (grant) => grant.environment, dispensable: 2 },
  { title: 'STATE', value: (grant) => grant.state.replace('_', ' ') },
  {
    title: 'UNTIL (UTC)',
    value: (grant) => (grant.expiresAt === null ? 'no end' : minute(grant.expiresAt)),
    dispensable: 1,
  },
  { title: 'VIA', value: (grant) => grant.via, dispensable: 3 },
  { title: 'REACHES', value: (grant) => reachedText(grant.tools) || 'nothing', widthMin: 12, dispensable: 4 },
]

/** Grants with why some of what they cover is not reached. */
export function grantsText(grants: readonly GrantView[], cli: Cli): string {
  const shut = grants.flatMap(({ id, unreached }) =>
    unreachedTexts(unreached).map((text) => `  ${oneLine(`${id} ${text}`)}`),
  )
  return [cli.table(grantColumns, grants), ...(shut.length > 0 ? ['', 'Not reached:', ...shut] : [])].join('\n')
}
