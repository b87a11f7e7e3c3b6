import { queryOptions } from '@tanstack/react-query'
import { getJson } from './get-json.ts'

export type AgentHit = { id: string; name: string; owner: string; status: string }

/** The first agents whose id, name or purpose contains the text, for pickers and the command palette. */
export function agentSearchQuery(text: string) {
  return queryOptions({
    queryKey: ['agents', 'search', text],
    queryFn: ({ signal }) => getJson<AgentHit[]>(`/api/portal/agents?${new URLSearchParams({ text })}`, signal),
    staleTime: 10_000,
    placeholderData: (previous) => previous,
  })
}
