/** Amounts are integer micro-dollars (1 USD = 1,000,000), so that sums never lose a cent. */
export const microsPerDollar = 1_000_000n

/** `0.125` dollars as 125000 micro-dollars, digit by digit; null: that is no amount in dollars. */
export function parseDollars(text: string): bigint | null {
  const found = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text.trim())
  return found && BigInt(found[1]!) * microsPerDollar + BigInt((found[2] ?? '').padEnd(6, '0'))
}

/** `125000n` as `0.125`: every digit that counts, and cents. What is typed in shows it so. */
export function exactDollars(micros: bigint): string {
  const fraction = (micros % microsPerDollar)
    .toString()
    .padStart(6, '0')
    .replace(/0{1,4}$/, '')
  return `${micros / microsPerDollar}.${fraction}`
}

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
