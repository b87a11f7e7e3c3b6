import { formatMicros } from '#lib/core/money.ts'
import { percent } from './percent.ts'

/** An amount in micro-dollars. Null is *not priced*, which is not 0; unpriced requests beside an amount make it a lower bound. */
export function Money({ micros, unpriced = 0 }: { micros: string | null; unpriced?: number }) {
  if (micros === null) return <span className="text-muted-foreground">not priced</span>
  const amount = formatMicros(BigInt(micros))
  if (unpriced === 0) return <span className="tabular-nums">{amount}</span>
  return (
    <span className="tabular-nums" title={`${unpriced} model requests have no price`}>
      ≥ {amount}
    </span>
  )
}

/** A rate from 0 to 1 as a percentage; null: nothing to divide by. */
export function Rate({ value }: { value: number | null }) {
  if (value === null) return <span className="text-muted-foreground">{percent(value)}</span>
  return <span className="tabular-nums">{percent(value)}</span>
}
