import { Card } from '#components/ui/card.tsx'
import type { PolicySetDetail } from '#lib/guardrails/schema/policy-sets.ts'

/** By which lines a set differs from the one in force. */
export function DiffCard({ set }: { set: PolicySetDetail }) {
  if (set.state === 'enforced' || !set.enforced) return null
  const title = `Against policy set ${set.enforced.number}, which is in force`
  if (set.diff.length === 0)
    return (
      <Card title={title} className="max-w-3xl">
        <p className="text-sm">It has the same text.</p>
      </Card>
    )
  return (
    <Card flush title={title}>
      <pre className="max-h-120 overflow-auto py-2 font-mono text-xs" role="region" aria-label={title} tabIndex={0}>
        {numbered(set.diff).map(({ line, key }) => (
          <span key={key} className={`block min-w-max px-4 ${tone(line)}`}>
            {line}
          </span>
        ))}
      </pre>
    </Card>
  )
}

/** Lines that say the same come more than once. */
function numbered(lines: readonly string[]): { line: string; key: string }[] {
  return lines.map((line, at) => ({ line, key: `${at} ${line}` }))
}

function tone(line: string): string {
  if (line.startsWith('+')) return 'bg-ok-soft text-ok'
  if (line.startsWith('-')) return 'bg-danger-soft text-danger'
  return 'text-muted-foreground'
}
