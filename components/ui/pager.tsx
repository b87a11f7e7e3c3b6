import { ChevronLeft, ChevronRight } from 'lucide-react'
import Link from 'next/link'
import { Button } from './button.tsx'
import { plural } from './count.ts'

/** Pages by cursor: how many there are in all, and links to the page before and after. */
export function Pager({
  total,
  noun,
  prevHref,
  nextHref,
}: {
  total: number
  noun: string
  prevHref: string | null
  nextHref: string | null
}) {
  return (
    <nav aria-label="Pages" className="mt-3 flex flex-wrap items-center justify-between gap-3">
      <p className="text-[0.8125rem] text-muted-foreground">{plural(total, noun)}</p>
      {(prevHref || nextHref) && (
        <div className="flex gap-2">
          <PageLink href={prevHref} label="Previous" />
          <PageLink href={nextHref} label="Next" />
        </div>
      )}
    </nav>
  )
}

function PageLink({ href, label }: { href: string | null; label: 'Previous' | 'Next' }) {
  const content = (
    <>
      {label === 'Previous' && <ChevronLeft aria-hidden />}
      {label}
      {label === 'Next' && <ChevronRight aria-hidden />}
    </>
  )
  if (!href) {
    return (
      <Button size="sm" disabled>
        {content}
      </Button>
    )
  }
  return (
    <Button size="sm" asChild>
      <Link href={href}>{content}</Link>
    </Button>
  )
}
