'use client'

import { usePathname, useSearchParams } from 'next/navigation'
import { useEffect, useState } from 'react'
import { onNavigationBegins } from './navigation-began.ts'

/** A page that takes longer than this is worth nothing to wait for with a bar. */
const longestMs = 15_000

/** A thin bar at the top while the next page is on its way; a page that is there at once shows none. */
export function NavigationProgress() {
  const pathname = usePathname()
  const search = useSearchParams().toString()
  const [going, setGoing] = useState(false)

  useEffect(() => {
    const here = `${pathname}?${search}`
    let ends: ReturnType<typeof setTimeout> | undefined
    const forget = onNavigationBegins((url) => {
      const to = new URL(url, window.location.href)
      if (`${to.pathname}?${to.searchParams}` === here) return
      setGoing(true)
      // The wait is that for the page which was asked for last.
      clearTimeout(ends)
      ends = setTimeout(() => setGoing(false), longestMs)
    })
    return () => {
      forget()
      clearTimeout(ends)
      setGoing(false)
    }
  }, [pathname, search])

  if (!going) return null
  return (
    <div
      role="progressbar"
      aria-label="The next page is loading"
      className="navigation-progress fixed top-0 left-0 z-[60] h-0.5 bg-accent"
    />
  )
}
