import type { GrantReach } from '#lib/registry/schema.ts'
import { reachedText, unreachedTexts } from '#lib/registry/schema/reach-text.ts'

/** What a grant really reaches, and why it does not reach the rest. `isPast`: it was so at an instant. */
export function ReachList({ reach, isPast = false }: { reach: GrantReach; isPast?: boolean }) {
  const { tools, unreached } = reach
  if (tools.length === 0 && unreached.length === 0) return <span className="text-muted-foreground">nothing</span>
  return (
    <div className="max-w-md text-[13px] break-words">
      {tools.length > 0 ? reachedText(tools) : 'nothing'}
      {unreached.length > 0 && (
        <ul
          aria-label={isPast ? 'What it did not reach, and why' : 'What it does not reach, and why'}
          className="mt-1 space-y-0.5 text-muted-foreground"
        >
          {unreachedTexts(unreached).map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
    </div>
  )
}

/** The same below the scope itself, where the screen has no room for a column of its own. */
export function ReachOnPhone({ reach, isPast = false }: { reach: GrantReach; isPast?: boolean }) {
  return (
    <div className="mt-2 md:hidden">
      <span className="text-xs text-muted-foreground">{isPast ? 'Reached' : 'Reaches now'}</span>
      <ReachList reach={reach} isPast={isPast} />
    </div>
  )
}
