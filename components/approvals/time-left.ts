/** How far the platform's clock is ahead of this one, from an answer that says the time and was asked for at `askedAt`: rather too far than too little. */
export function skewOf({ now }: { now: string }, askedAt: number): number {
  return Date.parse(now) - askedAt
}

/** Whole seconds until then by the platform's clock; never more than there are. */
export function secondsLeft(until: string, { clock, skewMs }: { clock: number; skewMs: number }): number {
  return Math.max(0, Math.floor((Date.parse(until) - clock - skewMs) / 1000))
}

/** `04:59`, `1:00:00` */
export function clockText(seconds: number): string {
  const pad = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const rest = `${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
  return hours > 0 ? `${hours}:${rest}` : rest
}
