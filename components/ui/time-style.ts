import { store, stored } from './stored.ts'

const storageKey = 'wheelhouse:times'
const listeners = new Set<() => void>()

/** How this device shows moments: as people say them, or exactly, in UTC. */
export type TimeStyle = 'relative' | 'utc'

export function timeStyle(): TimeStyle {
  return stored(storageKey) === 'utc' ? 'utc' : 'relative'
}

export function chooseTimeStyle(style: TimeStyle): void {
  store(storageKey, style)
  listeners.forEach((tell) => tell())
}

export function onTimeStyle(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
