import { compareVersions } from '../rules.ts'

/** How far behind the newest version: the first part in which they differ. */
export function driftOf(current: string, latest: string | null): 'none' | 'major' | 'minor' | 'patch' {
  if (latest === null || compareVersions(current, latest) >= 0) return 'none'
  const [from, to] = [current, latest].map((version) =>
    version.split('.').map((part) => Number.parseInt(part, 10) || 0),
  )
  if (from![0] !== to![0]) return 'major'
  return from![1] !== to![1] ? 'minor' : 'patch'
}
