import { paths } from '#lib/core/paths.ts'

/** A path of this portal to go on to, or home: an address of another site is never followed. */
export function ownPath(value: unknown): string {
  if (typeof value !== 'string') return paths.home()
  const base = 'http://portal.invalid'
  const url = URL.canParse(value, base) ? new URL(value, base) : null
  if (!url || url.origin !== base || url.pathname.startsWith('//') || url.pathname.startsWith(paths.signIn()))
    return paths.home()
  return url.pathname + url.search
}
