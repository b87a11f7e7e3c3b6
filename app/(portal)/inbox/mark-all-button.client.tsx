'use client'

import { useQueryClient } from '@tanstack/react-query'
import { CheckCheck } from 'lucide-react'
import { Button } from '#components/ui/button.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import type { Kind } from '#lib/notifications/schema/kinds.ts'
import { markAll } from './actions.ts'

/** Marks read what was there when the page was made; what came since stays unread. */
export function MarkAllButton({ until, kind }: { until: string; kind: Kind | undefined }) {
  const queries = useQueryClient()
  const { run, pending, failed } = useAction(markAll, ({ marked }) => {
    void queries.invalidateQueries({ queryKey: ['inbox'] })
    toast.success(marked === 1 ? 'One is marked read.' : `${marked} are marked read.`)
  })
  return (
    <>
      <Button size="sm" pending={pending} onClick={() => run({ until, ...(kind ? { kind } : {}) })}>
        {!pending && <CheckCheck aria-hidden />} Mark all read
      </Button>
      {failed && (
        <span role="alert" className="text-[13px] text-danger">
          {failed.message}
        </span>
      )}
    </>
  )
}
