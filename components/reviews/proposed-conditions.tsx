import { plural } from '#components/ui/count.ts'
import { expectation } from '#lib/registry/schema/conditions.ts'
import type { GrantProposal, ToolArguments } from '#lib/scopes/schema/usage.ts'

/** Under which conditions a proposal leaves its tools; nothing when there are none. */
export function ProposedConditions({ proposal: { conditions, toolNames } }: { proposal: GrantProposal }) {
  if (conditions.length === 0) return null
  return (
    <ul aria-label="Only when" className="my-1 max-w-md space-y-0.5 border-l-2 pl-2 text-[13px] break-words">
      {conditions.flatMap(({ tool, conditions: each }) =>
        each.map((condition) => (
          <li key={`${tool} ${condition.pointer}`}>
            {toolNames.length > 1 && `${tool}: `}
            <code className="text-xs">{condition.pointer}</code> {expectation(condition)}
          </li>
        )),
      )}
    </ul>
  )
}

/** Of which tools there is too little to propose conditions, and what is missing. */
export function MissingArguments({ tools }: { tools: readonly ToolArguments[] }) {
  const missing = tools.flatMap(({ tool, missing: of }) => (of ? [{ tool, ...of }] : []))
  if (missing.length === 0) return null
  return (
    <details className="mt-1 text-[13px] text-muted-foreground">
      <summary>Conditions: insufficient data for {plural(missing.length, 'tool')}</summary>
      <ul className="mt-1 space-y-0.5">
        {missing.map(({ tool, calls, days, unknown }) => (
          <li key={tool}>
            {tool}:{' '}
            {[
              ...(calls > 0 ? [`${plural(calls, 'call')} more`] : []),
              ...(days > 0 ? [`${plural(days, 'day')} more`] : []),
              ...(unknown > 0 ? [`arguments of ${plural(unknown, 'call')} not known`] : []),
            ].join(', ')}
          </li>
        ))}
      </ul>
    </details>
  )
}
