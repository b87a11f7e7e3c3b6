import Link from 'next/link'
import type { ReactNode } from 'react'
import { Card } from '#components/ui/card.tsx'

/** A few things of one kind, and where all of them are. */
export function HomeList({
  title,
  more,
  empty,
  children,
}: {
  title: string
  more?: { href: string; label: string } | null | undefined
  empty?: ReactNode
  children: ReactNode[] | undefined
}) {
  return (
    <Card
      flush
      // Cards of different heights stand in columns without holes.
      className="mb-5 break-inside-avoid"
      title={title}
      actions={
        more && (
          <Link href={more.href} className="text-[13px] whitespace-nowrap text-accent hover:underline">
            {more.label}
          </Link>
        )
      }
    >
      {children && children.length > 0 ? (
        <ul className="divide-y">{children}</ul>
      ) : (
        <p className="px-4 py-6 text-muted-foreground">{empty}</p>
      )}
    </Card>
  )
}

/** One of them: its name leads to it, below stand what is known and its state. */
export function HomeRow({ href, title, children }: { href: string; title: ReactNode; children: ReactNode }) {
  return (
    <li className="grid gap-1 px-4 py-2.5">
      <Link href={href} className="font-medium break-words text-accent hover:underline">
        {title}
      </Link>
      <span className="flex flex-wrap items-center justify-between gap-x-3 gap-y-1">{children}</span>
    </li>
  )
}

export function HomeNote({ children }: { children: ReactNode }) {
  return <span className="min-w-0 text-[13px] text-muted-foreground">{children}</span>
}
