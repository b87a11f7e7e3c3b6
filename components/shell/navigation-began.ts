type Listener = (url: string) => void
const listeners = new Set<Listener>()

/** Tells whoever shows it that the way to this page began. */
export function navigationBegins(url: string): void {
  listeners.forEach((tell) => tell(url))
}

export function onNavigationBegins(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
