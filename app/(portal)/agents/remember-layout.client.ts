'use client'

import { layoutCookie, type Layout, parseLayout } from './layout-cookie.ts'

const yearSeconds = 31_536_000

/** Keeps how the table is arranged in this browser. */
export function rememberLayout(change: (before: Layout) => Partial<Layout>): void {
  const found = document.cookie.split('; ').find((pair) => pair.startsWith(`${layoutCookie}=`))
  const before = parseLayout(found?.slice(layoutCookie.length + 1))
  const text = encodeURIComponent(JSON.stringify({ ...before, ...change(before) }))
  document.cookie = `${layoutCookie}=${text}; path=/agents; max-age=${yearSeconds}; samesite=lax`
}
