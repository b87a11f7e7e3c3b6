import type { Enforcement } from './driver.ts'

/** The limits of a profile that are not held for a sandbox as a whole on this host, in words. */
export function unheldLimits(enforces: Enforcement): string[] {
  return [
    ...(enforces.memory?.startsWith('cgroup') ? [] : [enforces.memory ? 'memory (only of each process)' : 'memory']),
    ...(enforces.processes ? [] : ['processes']),
    ...(enforces.cpu ? [] : ['CPU']),
    ...(enforces.disk ? [] : ['disk (only the size of each file)']),
  ]
}
