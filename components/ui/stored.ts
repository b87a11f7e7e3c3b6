/** What this device keeps under a key; null: nothing, or the browser keeps nothing for this site. */
export function stored(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

/** Keeps it, or forgets it with null, where the browser keeps anything for this site. */
export function store(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key)
    else localStorage.setItem(key, value)
  } catch {
    // Nothing is kept, so the default holds.
  }
}
