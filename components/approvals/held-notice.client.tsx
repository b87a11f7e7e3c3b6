'use client'

import { useQuery } from '@tanstack/react-query'
import Link from 'next/link'
import { Notice } from '#components/ui/notice.tsx'
import { paths } from '#lib/core/paths.ts'
import { Countdown } from './countdown.client.tsx'
import { waitingCallsQuery } from './queries.ts'

/** The calls of a run that wait for a person now, with how long there is; nothing when none waits. */
export function HeldNotice({ runId }: { runId: string }) {
  const { data } = useQuery(waitingCallsQuery({ runId }))
  const held = data?.items ?? []
  if (held.length === 0) return null
  return (
    <Notice kind="warn" className="mb-5" title="Waits for a person">
      <ul>
        {held.map((item) => (
          <li key={item.id}>
            <span className="font-mono break-all">{item.server ? `${item.server.id}/${item.tool}` : item.tool}</span>:{' '}
            {item.rule.title}, <Countdown until={item.expiresAt} skewMs={data?.skewMs ?? 0} />.{' '}
            <Link href={paths.approval(item.id)} className="underline underline-offset-2">
              Decide
            </Link>
          </li>
        ))}
      </ul>
    </Notice>
  )
}
