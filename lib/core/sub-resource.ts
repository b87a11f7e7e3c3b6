/** Whether a resource is the one that is watched, or a sub-resource of it: a server may name that instead. */
export function isWithin(uri: string, watched: string): boolean {
  if (!uri.startsWith(watched)) return false
  const next = uri[watched.length]
  return next === undefined || watched.endsWith('/') || '/?#'.includes(next)
}
