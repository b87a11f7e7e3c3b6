import { parseDollars } from '#lib/core/money.ts'

type ListPrice = {
  model: string
  from: string
  maxPromptTokens?: number
  /** US dollars per million tokens as published, as text: `0.125` must not pass through a binary fraction. Undefined: not known. */
  input?: string
  output?: string
  cacheRead?: string
  cacheWrite5m?: string
  cacheWrite1h?: string
}

/** Where the figures come from. */
export const listPriceSource = "Anthropic's published cost table, as of 2026-11-22"

/** The date the book begins with: no usage is older. */
const start = '2026-01-01'

/** The first entries of the price book. Never ratios: what a cache read costs of the input price differs by model. */
export const listPrices: readonly ListPrice[] = [
  priced('claude-fable-5-2', start, ['8', '40', '0.20', '10', '16']),
  priced('claude-fable-5-1', start, ['10', '50', '0.25', '12.5', '20']),
  priced('claude-opus-5-5', start, ['4', '20', '0.20', '5', '8']),
  priced('claude-opus-5', start, ['5', '25', '0.50', '6.25', '10']),
  priced('claude-opus-4-8', start, ['5', '25', '0.50', '6.25', '10']),
  priced('claude-sonnet-5-5', start, ['2', '10', '0.20', '2.50', '4']),
  priced('claude-sonnet-5-5', '2026-10-07', ['2', '10', '0.10', '2.50', '4']),
  priced('claude-sonnet-5', start, ['2', '10', '0.20', '2.50', '4']),
  priced('claude-sonnet-4-6', start, ['3', '15', '0.30', '3.75', '6']),
  { ...priced('claude-haiku-5-5', start, ['0.10', '0.50', '0.01', '0.125', '0.20']), maxPromptTokens: 100_000 },
  { model: 'claude-haiku-5-5', from: start, input: '0.50', output: '2.50' },
  priced('claude-haiku-4-5', start, ['1', '5', '0.10', '1.25', '2']),
]

/** `12.5` dollars as 12500000 micro-dollars, digit by digit. */
export function dollarsToMicros(dollars: string): bigint {
  const micros = parseDollars(dollars)
  if (micros === null) throw new Error(`not an amount in dollars: ${dollars}`)
  return micros
}

function priced(model: string, from: string, amounts: [string, string, string, string, string]): ListPrice {
  const [input, output, cacheRead, cacheWrite5m, cacheWrite1h] = amounts
  return { model, from, input, output, cacheRead, cacheWrite5m, cacheWrite1h }
}
