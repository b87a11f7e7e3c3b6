/** Amounts are integer micro-dollars (1 USD = 1,000,000), so that sums never lose a cent. */
export const microsPerDollar = 1_000_000n

/** `1234567n` as `$1.23`; below one cent with up to four decimals (`$0.0042`). Rounds half away from zero. */
export function formatMicros(micros: bigint): string {
  const negative = micros < 0n
  const absolute = negative ? -micros : micros
  const small = absolute !== 0n && absolute < 10_000n
  const step = small ? 100n : 10_000n
  const rounded = ((absolute + step / 2n) / step) * step
  const dollars = (rounded / microsPerDollar).toString().replace(/\B(?=(\d{3})+$)/g, ',')
  const fraction = (rounded % microsPerDollar)
    .toString()
    .padStart(6, '0')
    .slice(0, small ? 4 : 2)
  return `${negative ? '-' : ''}$${dollars}.${fraction}`
}
