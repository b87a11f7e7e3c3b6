export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 agent`, `12 agents` */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

/** `once`, `12 times` */
export function times(count: number): string {
  return count === 1 ? 'once' : plural(count, 'time')
}

/** The greatest number that a counting column holds. */
export const numberMax = 2_147_483_647
