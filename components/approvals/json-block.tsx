import { cn } from '#components/ui/cn.ts'
import { diffLines, jsonText } from './json-text.ts'

const block = 'max-h-96 overflow-auto rounded-md bg-muted p-3 font-mono text-[13px] whitespace-pre-wrap break-words'

/** The exact arguments of a call. */
export function JsonBlock({ value, label }: { value: unknown; label: string }) {
  return (
    <pre className={block} tabIndex={0} role="region" aria-label={label}>
      {jsonText(value)}
    </pre>
  )
}

/** What was changed in the arguments, line by line; the sign says it, too. */
export function JsonDiff({ before, after }: { before: unknown; after: unknown }) {
  return (
    <pre className={block} tabIndex={0} role="region" aria-label="Changes to the arguments">
      {diffLines(jsonText(before), jsonText(after)).map(({ sign, text }, at) => (
        // Lines have no names of their own, and none moves.
        // oxlint-disable-next-line react/no-array-index-key
        <span key={at} className={cn('block', sign === '-' && 'text-danger', sign === '+' && 'text-ok')}>
          {sign} {text}
        </span>
      ))}
    </pre>
  )
}
