import Link from 'next/link'
import { Button } from './button.tsx'

/** Ranges of time to choose from, each a link: the address is the state. */
export function RangeLinks<Range extends number>({
  ranges,
  current,
  label,
  href,
}: {
  ranges: readonly Range[]
  current: number
  label: (range: Range) => string
  href: (range: Range) => string
}) {
  return (
    <div role="group" aria-label="Range" className="flex flex-wrap gap-1">
      {ranges.map((range) => (
        <Button key={range} asChild size="sm" variant={range === current ? 'primary' : 'secondary'}>
          <Link href={href(range)} scroll={false} aria-current={range === current ? 'true' : undefined}>
            {label(range)}
          </Link>
        </Button>
      ))}
    </div>
  )
}
