import { Ban, CircleCheck, CircleDashed, CircleHelp, Hand, type LucideIcon, Unplug } from 'lucide-react'
import { cn } from '#components/ui/cn.ts'
import type { ExplainedStep, StepOutcome } from '#lib/guardrails/schema/explanation.ts'

/** The steps of a decision in the order of precedence: what passed, what refused, what was not asked any more. */
export function StepsList({ steps }: { steps: readonly ExplainedStep[] }) {
  return (
    <ol aria-label="Steps of the decision" className="divide-y">
      {steps.map(({ id, title, outcome, note }) => {
        const { icon: Icon, tone, word } = looks[outcome]
        const over = outcome === 'not_reached'
        return (
          <li key={id} className="grid grid-cols-[1.25rem_minmax(0,1fr)_auto] items-start gap-x-3 px-4 py-2 text-sm">
            <Icon aria-hidden className={cn('mt-0.5 size-4', tone)} />
            <div className="min-w-0">
              <p
                className={cn(
                  over && 'text-muted-foreground',
                  (outcome === 'refused' || outcome === 'broken_off') && 'font-medium',
                )}
              >
                {title}
              </p>
              {note && <p className="mt-0.5 text-[13px] break-words text-muted-foreground">{note}</p>}
            </div>
            <span className={cn('text-xs', tone)}>{word}</span>
          </li>
        )
      })}
    </ol>
  )
}

const looks: Record<StepOutcome, { icon: LucideIcon; tone: string; word: string }> = {
  passed: { icon: CircleCheck, tone: 'text-ok', word: 'passed' },
  refused: { icon: Ban, tone: 'text-danger', word: 'refused' },
  broken_off: { icon: Unplug, tone: 'text-danger', word: 'broken off' },
  held: { icon: Hand, tone: 'text-held', word: 'held' },
  not_reached: { icon: CircleDashed, tone: 'text-muted-foreground', word: 'not reached' },
  unknown: { icon: CircleHelp, tone: 'text-muted-foreground', word: 'at the broker' },
}
