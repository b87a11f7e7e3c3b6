export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 agent`, `12 agents` */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
