/** When a person's digests come. */
export type DigestTime = { timeZone: string; hour: number; weekday: number }
export type Cadence = 'daily' | 'weekly'

export const defaultDigestTime: DigestTime = { timeZone: 'UTC', hour: 8, weekday: 1 }

const dayMs = 86_400_000

/** Whether the runtime knows a time zone by this name (IANA). */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/**
 * The last digest that is due: the day it is of where the person is, and the instant until which it tells. An hour that the clocks leave out comes when they have gone on; one that they repeat
 * comes the first time.
 */
export function lastDigest(cadence: Cadence, time: DigestTime, now: Date): { period: string; until: Date } {
  const today = new Date(`${localDay(now, time.timeZone)}T00:00:00Z`)
  for (let back = 0; back <= 8; back += 1) {
    const day = new Date(today.getTime() - back * dayMs)
    const period = day.toISOString().slice(0, 10)
    const until = instantOf(day, time)
    const weekday = day.getUTCDay() === 0 ? 7 : day.getUTCDay()
    if (until <= now && (cadence === 'daily' || weekday === time.weekday)) return { period, until }
  }
  throw new Error('a week has every day')
}

/** 2026-11-26, where the clocks of the zone are. */
function localDay(at: Date, timeZone: string): string {
  return new Date(at.getTime() + offsetMs(at, timeZone)).toISOString().slice(0, 10)
}

/** The instant at which clocks of the zone first show the hour on that day, or have passed it. */
function instantOf(day: Date, { timeZone, hour }: DigestTime): Date {
  const wall = day.getTime() + hour * 3_600_000
  // Offsets of the day before and after cover a change of the clocks in between.
  const offsets = [-dayMs, dayMs].map((shift) => offsetMs(new Date(wall + shift), timeZone))
  const shown = offsets
    .map((offset) => new Date(wall - offset))
    .filter((at) => at.getTime() + offsetMs(at, timeZone) === wall)
  const first = shown.toSorted((a, b) => a.getTime() - b.getTime())[0]
  // Left out: with the offset from before it, the clocks show as much later as they went on.
  return first ?? new Date(wall - offsets[0]!)
}

/** How far the clocks of a zone are ahead of UTC. */
function offsetMs(at: Date, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at)
  const part = (type: string) => Number(parts.find((each) => each.type === type)?.value)
  const wall = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
  return wall - Math.floor(at.getTime() / 1000) * 1000
}
