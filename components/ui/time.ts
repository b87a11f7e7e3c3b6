const units = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const

// Yesterday and tomorrow are words; "next mo." would say no month, and "next next mo." nothing at all.
const days = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
const counted = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'short' })

/** "in 3 days", "5 min. ago", "just now": the largest unit that fits, for times in either direction. */
export function relativeTime(date: Date, now: Date): string {
  const seconds = (date.getTime() - now.getTime()) / 1000
  const unit = units.find(([, size]) => Math.abs(seconds) >= size)
  if (!unit) return 'just now'
  return (unit[0] === 'day' ? days : counted).format(Math.trunc(seconds / unit[1]), unit[0])
}

/** `2026-11-22 12:04:31 UTC` */
export function exactTime(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** `1.2 s`, `3 min 20 s`, `2 h 5 min`: a duration in the two largest units that matter. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

const longMonth = new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric', timeZone: 'UTC' })

/** `November 2026` for `2026-11`. */
export function monthName(month: string): string {
  return longMonth.format(new Date(`${month}-01T00:00:00Z`))
}
