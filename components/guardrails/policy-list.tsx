import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { PolicyView } from '#lib/guardrails/schema/policy-sets.ts'

/** The policies of a set: plain words, who set each and since when, what it refused lately, and its code beside them. */
export function PolicyList({ policies }: { policies: readonly PolicyView[] }) {
  return (
    <ul className="divide-y">
      {policies.map((policy) => (
        <li key={policy.id} id={policy.id} className="grid gap-3 px-4 py-3 xl:grid-cols-2">
          <div className="min-w-0 space-y-1.5 text-sm">
            <h3 className="flex flex-wrap items-center gap-2 font-medium">
              {policy.title}
              <Badge tone={policy.effect === 'forbid' ? 'danger' : 'ok'}>{policy.effect}s</Badge>
            </h3>
            <p>{policy.explanation}</p>
            {policy.remedy && <p className="text-muted-foreground">If refused: {policy.remedy}</p>}
            <p className="text-[13px] text-muted-foreground">
              Set by {policy.since.by} in{' '}
              <Link href={paths.policySet(policy.since.number)} className="underline underline-offset-2">
                set {policy.since.number}
              </Link>
              , <Time value={policy.since.at} />
              {policy.effect === 'forbid' && (
                <>
                  {' · '}
                  <Link
                    href={paths.auditOf({ rule: policy.id, event: 'mcp.call_denied' })}
                    className="underline underline-offset-2"
                  >
                    {policy.refused24h.toLocaleString('en')} calls refused in 24 h
                  </Link>
                </>
              )}
            </p>
            <p className="font-mono text-xs break-all text-muted-foreground">{policy.id}</p>
          </div>
          <CedarCode text={policy.text} label={`Cedar code of ${policy.title}`} />
        </li>
      ))}
    </ul>
  )
}

function CedarCode({ text, label }: { text: string; label: string }) {
  return (
    <pre
      className="max-h-72 min-w-0 overflow-auto rounded-md border bg-surface p-3 font-mono text-xs break-words whitespace-pre-wrap"
      role="region"
      aria-label={label}
      tabIndex={0}
    >
      {text}
    </pre>
  )
}
