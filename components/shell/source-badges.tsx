import { FlaskConical, Sprout } from 'lucide-react'
import { Badge } from '#components/ui/badge.tsx'

/** What on these pages is not real: said on every page. */
export function SourceBadges({ simulatedModel, demo }: { simulatedModel: boolean; demo: boolean }) {
  return (
    <div className="flex gap-1.5">
      {simulatedModel && (
        <Badge tone="held" title="Answers come from scripts, not from a model: no ANTHROPIC_API_KEY is set.">
          <FlaskConical aria-hidden />
          <span className="max-md:sr-only">Simulated model</span>
        </Badge>
      )}
      {demo && (
        <Badge title="Teams, agents and history were made up for this installation.">
          <Sprout aria-hidden />
          <span className="max-md:sr-only">Demo data</span>
        </Badge>
      )}
    </div>
  )
}
