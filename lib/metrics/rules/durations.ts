/** Upper bounds, in milliseconds, of the buckets in which calls are counted by duration; a last bucket holds what took longer. */
export const durationBoundsMs = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 15_000, 60_000] as const

/**
 * The duration in milliseconds that a share of the calls did not pass, as near as the buckets tell: between the bounds of its bucket in proportion, as Prometheus'
 * `histogram_quantile` does. Beyond the last bound it is that bound. Null without a call.
 */
export function durationQuantile(buckets: readonly number[], share: number): number | null {
  const total = buckets.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  const rank = share * total
  let below = 0
  for (const [index, count] of buckets.entries()) {
    const upper = durationBoundsMs[index]
    if (upper === undefined) break
    if (count > 0 && below + count >= rank) {
      const lower = durationBoundsMs[index - 1] ?? 0
      return lower + ((upper - lower) * (rank - below)) / count
    }
    below += count
  }
  return durationBoundsMs.at(-1)!
}
