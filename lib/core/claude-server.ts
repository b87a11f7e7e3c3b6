/** A Claude server by its address, however that is spelled. */
export function claudeServerOf(url: string): string {
  return new URL(url).href.replace(/\/+$/, '')
}
