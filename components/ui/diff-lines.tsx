import { cn } from './cn.ts'

/** How a text becomes another, as `lineDiff` tells it. Prose is wrapped; code keeps its lines and is scrolled. */
export function DiffLines({
  label,
  lines,
  wrapped = false,
}: {
  label: string
  lines: readonly string[]
  wrapped?: boolean
}) {
  return (
    <pre
      className={cn('max-h-120 overflow-auto py-2 font-mono text-xs', wrapped && 'break-words whitespace-pre-wrap')}
      role="region"
      aria-label={label}
      tabIndex={0}
    >
      {numbered(lines).map(({ line, key }) => (
        <span key={key} className={cn('block px-4', !wrapped && 'min-w-max', tone(line))}>
          {line}
        </span>
      ))}
    </pre>
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
