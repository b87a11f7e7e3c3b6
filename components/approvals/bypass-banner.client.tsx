'use client'

import { useQuery } from '@tanstack/react-query'
import { FastForward } from 'lucide-react'
import Link from 'next/link'
import { getJson } from '#components/shell/get-json.ts'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { paths } from '#lib/core/paths.ts'
import type { endHoldBypassInput, HoldBypassView } from '#lib/guardrails/schema/hold-bypasses.ts'
import type { PortalAction } from '#lib/web/action.ts'

type End = PortalAction<typeof endHoldBypassInput, { ended: boolean }>

/** On every page while a rule that holds calls is bypassed: which, for whom, by whom, until when. It cannot be dismissed, but ended. */
export function BypassBanner({
  initial,
  end,
  whyNot,
}: {
  initial: HoldBypassView[] | null
  end: End
  whyNot: string | null
}) {
  const { data, refetch } = useQuery({
    queryKey: ['hold-bypasses', 'in_force'],
    queryFn: ({ signal }) => getJson<HoldBypassView[]>('/api/portal/hold-bypasses', signal),
    refetchInterval: 15_000,
    ...(initial ? { initialData: initial } : {}),
  })
  if (!data || data.length === 0) return null
  return (
    <div role="status" className="border-b border-warn/40 bg-warn-soft text-warn">
      <ul className="grid grid-cols-1 gap-1 px-3 py-2 sm:px-5">
        {data.map((bypass) => (
          <li key={bypass.id} className="flex flex-wrap items-center gap-x-2 gap-y-1">
            <FastForward className="size-4 shrink-0" aria-hidden />
            <strong className="min-w-0 font-semibold">
              Not held now: {bypass.rule.title}
              {bypass.agent && ` (${bypass.agent.name})`}
            </strong>
            <span className="line-clamp-3 min-w-0">
              bypassed by {bypass.openedBy.name}, ends <Time value={bypass.expiresAt} />: {bypass.reason}
            </span>
            <Link href={paths.approvals('rules')} className="rounded-sm underline underline-offset-2">
              See
            </Link>
            <EndNow bypassId={bypass.id} end={end} whyNot={whyNot} onEnded={() => void refetch()} />
          </li>
        ))}
      </ul>
    </div>
  )
}

/** Each has its own: one that is being ended keeps no other from it, and says so when it could not be. */
function EndNow({
  bypassId,
  end,
  whyNot,
  onEnded,
}: {
  bypassId: string
  end: End
  whyNot: string | null
  onEnded: () => void
}) {
  const { run, pending, failed } = useAction(end, () => {
    toast.success('The bypass is ended: such calls wait for a person again.')
    onEnded()
  })
  return (
    <>
      <ActionButton size="sm" pending={pending} whyNot={whyNot} onClick={() => run({ bypassId })}>
        End now
      </ActionButton>
      {failed && (
        <strong role="alert" className="min-w-0">
          It is not ended: {failed.message}
        </strong>
      )}
    </>
  )
}
