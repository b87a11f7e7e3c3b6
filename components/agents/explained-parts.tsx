import { Check, X } from 'lucide-react'
import type { ExplainedPart } from '#lib/registry/schema.ts'

/** The parts of a search with whether each holds for an agent and why; alternatives and groups stand below what they are parts of. */
export function ExplainedParts({ parts, label }: { parts: readonly ExplainedPart[]; label: string }) {
  return (
    <ul aria-label={label} className="divide-y">
      {parts.map((part, at) => (
        // Two parts may be equal.
        // oxlint-disable-next-line react/no-array-index-key
        <li key={`${part.text} ${at}`} className="px-4 py-2.5">
          <div className="flex items-start gap-2.5">
            <Mark matches={part.matches} />
            <div className="min-w-0 flex-1">
              <code className="font-medium break-words">{part.text}</code>
              <Reasons because={part.because} />
            </div>
          </div>
          {part.parts && part.parts.length > 0 && (
            <div className="mt-2 ml-2 border-l">
              <ExplainedParts parts={part.parts} label={`Parts of ${part.text}`} />
            </div>
          )}
        </li>
      ))}
    </ul>
  )
}

function Mark({ matches }: { matches: boolean }) {
  const Icon = matches ? Check : X
  return (
    <>
      <Icon className={`mt-0.5 size-4 shrink-0 ${matches ? 'text-ok' : 'text-danger'}`} aria-hidden />
      <span className="sr-only">{matches ? 'holds:' : 'does not hold:'}</span>
    </>
  )
}

/** Several reasons stand one below the other. */
function Reasons({ because }: { because: string }) {
  return because.split('; ').map((reason, at) => (
    // oxlint-disable-next-line react/no-array-index-key
    <p key={`${reason} ${at}`} className="text-[13px] break-words text-muted-foreground">
      {reason}
    </p>
  ))
}
