import type { Usage } from './schema.ts'

/** Micro-dollars per million tokens; null: not known. */
export type PriceEntry = {
  id: string
  model: string
  effectiveFrom: Date
  /** Applies to prompts up to this many tokens; null: to all. */
  maxPromptTokens: number | null
  inputMicros: bigint | null
  outputMicros: bigint | null
  cacheReadMicros: bigint | null
  cacheWrite5mMicros: bigint | null
  cacheWrite1hMicros: bigint | null
}

const tokensPerPrice = 1_000_000n

/**
 * The entry in force for a request: of the model's newest date that is not after `at`, the narrowest prompt size that fits. A model id
 * may carry a release date (`claude-haiku-4-5-20251001`). Null: the book has no price for it.
 */
export function priceFor(
  book: readonly PriceEntry[],
  request: { model: string; promptTokens: number; at: Date },
): PriceEntry | null {
  const entries = book.filter((entry) => entry.model === request.model && entry.effectiveFrom <= request.at)
  if (entries.length === 0) {
    const family = withoutReleaseDate(request.model)
    return family === request.model ? null : priceFor(book, { ...request, model: family })
  }
  const newest = Math.max(...entries.map((entry) => entry.effectiveFrom.getTime()))
  return (
    entries
      .filter((entry) => entry.effectiveFrom.getTime() === newest)
      .filter((entry) => entry.maxPromptTokens === null || request.promptTokens <= entry.maxPromptTokens)
      .toSorted((a, b) => (a.maxPromptTokens ?? Infinity) - (b.maxPromptTokens ?? Infinity))[0] ?? null
  )
}

/**
 * Micro-dollars of one request: all parts are added exactly and rounded once, half up. Null (*not priced*, never 0) when a kind of token
 * that was used has no price.
 */
export function costOf(usage: Usage, price: PriceEntry | null): bigint | null {
  if (!price) return null
  const parts: [number, bigint | null][] = [
    [usage.inputTokens, price.inputMicros],
    [usage.outputTokens, price.outputMicros],
    [usage.cacheReadTokens, price.cacheReadMicros],
    [usage.cacheWrite5mTokens, price.cacheWrite5mMicros],
    [usage.cacheWrite1hTokens, price.cacheWrite1hMicros],
  ]
  let sum = 0n
  for (const [tokens, micros] of parts) {
    if (tokens === 0) continue
    if (micros === null) return null
    sum += BigInt(tokens) * micros
  }
  return (sum + tokensPerPrice / 2n) / tokensPerPrice
}

/** How long the prompt was, whatever part of it came from the cache: what decides the price tier. */
export function promptTokensOf(usage: Usage): number {
  return usage.inputTokens + usage.cacheReadTokens + usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
}

/** Escalated runs ÷ runs; null without a run. */
export function escalationRateOf(sums: { runs: number; escalatedRuns: number }): number | null {
  return sums.runs === 0 ? null : sums.escalatedRuns / sums.runs
}

/** Midnight UTC of the day. */
export function utcDay(at: Date): Date {
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()))
}

/** Midnight UTC of the month's first day. */
export function utcMonth(at: Date): Date {
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1))
}

export function addDays(day: Date, days: number): Date {
  return new Date(day.getTime() + days * 86_400_000)
}

/** YYYY-MM-DD in UTC. */
export function isoDay(at: Date): string {
  return at.toISOString().slice(0, 10)
}

function withoutReleaseDate(model: string): string {
  return model.replace(/-\d{8}$/, '')
}
