/** A rate from 0 to 1 in words; null: nothing to divide by. */
export function percent(rate: number | null): string {
  if (rate === null) return '–'
  return `${(rate * 100).toFixed(rate > 0 && rate < 0.1 ? 1 : 0)}\u00a0%`
}
