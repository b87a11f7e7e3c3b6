/** `4.2 %`; null (nothing to measure) is a dash, which is not 0 %. */
export function formatPercent(rate: number | null): string {
  return rate === null ? '–' : `${(rate * 100).toFixed(1)} %`
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 agent`, `12 agents` */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
