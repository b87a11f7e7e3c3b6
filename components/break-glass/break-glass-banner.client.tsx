'use client'

import { useQuery } from '@tanstack/react-query'
import { Siren } from 'lucide-react'
import Link from 'next/link'
import { getJson } from '#components/shell/get-json.ts'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { BreakGlassView } from '#lib/scopes/schema/break-glass.ts'

/** On every page while a break-glass grant is in force: which agent, what, by whom, until when. It cannot be dismissed. */
export function BreakGlassBanner({ initial }: { initial: BreakGlassView[] | null }) {
  const { data } = useQuery({
    queryKey: ['break-glass', 'in_force'],
    queryFn: ({ signal }) => getJson<BreakGlassView[]>('/api/portal/break-glass', signal),
    refetchInterval: 15_000,
    ...(initial ? { initialData: initial } : {}),
  })
  if (!data || data.length === 0) return null
  return (
    <div role="status" className="border-b border-warn/40 bg-warn-soft text-warn">
      <ul className="grid grid-cols-1 gap-1 px-3 py-2 sm:px-5">
        {data.map((glass) => (
          <li key={glass.grantId} className="flex flex-wrap items-center gap-x-2">
            <Siren className="size-4 shrink-0" aria-hidden />
            <strong className="min-w-0 font-semibold">
              Break-glass: {glass.agent.name} may {glass.toolName ?? glass.class} on {glass.server.name}
            </strong>
            <span className="line-clamp-3 min-w-0">
              ends <Time value={glass.expiresAt} />, taken by {glass.openedBy.name}: {glass.reason}
            </span>
            <Link href={paths.breakGlass()} className="rounded-sm underline underline-offset-2">
              Revoke or review
            </Link>
          </li>
        ))}
      </ul>
    </div>
  )
}
