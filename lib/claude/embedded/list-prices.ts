/** US dollars per million tokens. Anthropic's published list prices as of 2026-11-22; a model that is not here has no known price. */
type Price = { input: number; output: number; cacheRead: number; cacheWrite: number }

const prices: Record<string, Price> = {
  'claude-fable-5-2': { input: 8, output: 40, cacheRead: 0.2, cacheWrite: 10 },
  'claude-fable-5-1': { input: 10, output: 50, cacheRead: 0.25, cacheWrite: 12.5 },
  'claude-opus-5-5': { input: 4, output: 20, cacheRead: 0.2, cacheWrite: 5 },
  'claude-opus-5': { input: 5, output: 25, cacheRead: 0.5, cacheWrite: 6.25 },
  'claude-opus-4-8': { input: 5, output: 25, cacheRead: 0.5, cacheWrite: 6.25 },
  'claude-sonnet-5-5': { input: 2, output: 10, cacheRead: 0.1, cacheWrite: 2.5 },
  'claude-sonnet-5': { input: 2, output: 10, cacheRead: 0.2, cacheWrite: 2.5 },
  'claude-sonnet-4-6': { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 },
  'claude-haiku-5-5': { input: 0.1, output: 0.5, cacheRead: 0.01, cacheWrite: 0.125 },
  'claude-haiku-4-5': { input: 1, output: 5, cacheRead: 0.1, cacheWrite: 1.25 },
}

/** claude-haiku-5-5 costs more above this prompt size, and not all parts of that price are known. */
const haikuPromptTokensMax = 100_000

/** Micro-dollars per hour a session is running ($0.08). */
const runtimeMicrosPerHour = 80_000n

export type TokenCounts = { input: number; output: number; cacheRead: number; cacheWrite: number }

export function listPriceOf(model: string): Price | null {
  return prices[model.replace(/-\d{8}$/, '')] ?? null
}

/** Micro-dollars of one model request at list price, or null when it is not priced: not priced is not free. */
export function listCostMicros(model: string, tokens: TokenCounts): bigint | null {
  const price = listPriceOf(model)
  const prompt = tokens.input + tokens.cacheRead + tokens.cacheWrite
  if (!price || (model.startsWith('claude-haiku-5-5') && prompt > haikuPromptTokensMax)) return null
  // Dollars per million tokens are micro-dollars per token; a thousandth keeps the sum exact.
  const thousandths =
    tokens.input * price.input * 1000 +
    tokens.output * price.output * 1000 +
    tokens.cacheRead * price.cacheRead * 1000 +
    tokens.cacheWrite * price.cacheWrite * 1000
  return BigInt(Math.ceil(thousandths / 1000))
}

/** Micro-dollars for the time a session was running. */
export function runtimeCostMicros(activeMs: bigint): bigint {
  return (activeMs * runtimeMicrosPerHour) / 3_600_000n
}

/** Micro-dollars as the API's whole cents, rounded half up. */
export function toCents(micros: bigint): bigint {
  return (micros + 5_000n) / 10_000n
}
