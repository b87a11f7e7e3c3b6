'use client'

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useDeferredValue } from 'react'
import { getJson } from '#components/shell/get-json.ts'
import type { QueryCompletion } from '#lib/registry/schema.ts'

/** What continues the query at the cursor; nothing while the box is closed or the query cannot be completed. */
export function useCompletions(typed: { q: string; at: number }, open: boolean): QueryCompletion | null {
  const q = useDeferredValue(typed.q)
  const at = useDeferredValue(typed.at)
  const { data } = useQuery({
    queryKey: ['agents', 'complete', q, at],
    queryFn: ({ signal }) =>
      getJson<QueryCompletion>(`/api/v1/agents/complete?${new URLSearchParams({ q, at: String(at) })}`, signal),
    enabled: open,
    staleTime: 5000,
    retry: false,
    placeholderData: keepPreviousData,
  })
  return open && data && data.items.length > 0 ? data : null
}
