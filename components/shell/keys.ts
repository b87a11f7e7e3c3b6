import { store, stored } from '#components/ui/stored.ts'

const storageKey = 'wheelhouse:single-keys'

/** Whether keys pressed alone do something; people who speak to their computer switch them off. */
export function singleKeysOn(): boolean {
  return stored(storageKey) !== 'off'
}

export function switchSingleKeys(on: boolean): void {
  store(storageKey, on ? null : 'off')
}

/** What is pressed there is text. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}
