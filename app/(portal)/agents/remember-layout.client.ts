'use client'

import { layoutCookie } from './layout-cookie.ts'
import type { Layout } from './parse-layout.ts'

const yearSeconds = 31_536_000

/** Keeps how the table is arranged in this browser. */
export function rememberLayout(change: (before: Layout) => Partial<Layout>): void {
  const before = layoutNow()
  const text = encodeURIComponent(JSON.stringify({ ...before, ...change(before) }))
  document.cookie = `${layoutCookie}=${text}; path=/agents; max-age=${yearSeconds}; samesite=lax`
}

// What the server does not understand of it, it drops when it reads it.
function layoutNow(): Layout {
  const found = document.cookie.split('; ').find((pair) => pair.startsWith(`${layoutCookie}=`))
  try {
    const kept: unknown = JSON.parse(decodeURIComponent(found?.slice(layoutCookie.length + 1) ?? '{}'))
    return { widths: {}, ...(kept as Partial<Layout>) }
  } catch {
    return { widths: {} }
  }
}
