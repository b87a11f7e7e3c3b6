'use client'

import { useQuery } from '@tanstack/react-query'
import { getJson } from '#components/shell/get-json.ts'
import { formatCount, plural } from '#components/ui/count.ts'
import type { HoldForecast, HoldScope } from '#lib/guardrails/schema/hold-insight.ts'
import { forecastUrl } from './queries.ts'

/** What a rule would have held in the last seven days, while it is being written. */
export function Forecast({ scope, conditional }: { scope: HoldScope; conditional: boolean }) {
  const url = forecastUrl(scope)
  const { data, isError } = useQuery({
    queryKey: ['hold-forecast', url],
    queryFn: ({ signal }) => getJson<HoldForecast>(url, signal),
    staleTime: 60_000,
  })
  return (
    <p role="status" className="rounded-md bg-muted px-3 py-2 text-[13px]">
      {isError ? 'What it would have held could not be read.' : data ? <Sentence {...{ data, conditional }} /> : '…'}
    </p>
  )
}

function Sentence({ data, conditional }: { data: HoldForecast; conditional: boolean }) {
  const { held, calls, agents, from } = data
  return (
    <>
      {conditional ? 'At most, it' : 'It'} would have held <strong>{formatCount(held)}</strong> of{' '}
      {plural(calls, 'call')} since {from}, of {plural(agents, 'agent')}.
      {conditional && ' Arguments are not recorded, so what the conditions leave out is not known.'}
    </>
  )
}
