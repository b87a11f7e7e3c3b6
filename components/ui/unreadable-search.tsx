import Link from 'next/link'
import { Notice } from './notice.tsx'
import { PageHeader } from './page-header.tsx'

/** In the place of a list whose filters cannot be read: without them it would show more than was asked for. */
export function UnreadableSearch({
  title,
  problem,
  clearHref,
}: {
  /** Of the page; left out where a frame around the list has one. */
  title?: string
  problem: string
  clearHref: string
}) {
  return (
    <>
      {title !== undefined && <PageHeader title={title} />}
      <Notice kind="warn" title="The search could not be read" className="mt-3">
        {problem}{' '}
        <Link href={clearHref} className="underline underline-offset-2">
          Clear the search
        </Link>
      </Notice>
    </>
  )
}
