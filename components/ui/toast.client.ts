'use client'

type Kind = 'success' | 'warning' | 'error'
type Show = Record<Kind, (message: string) => unknown>

const first = Promise.withResolvers<void>()
const shown = Promise.withResolvers<Show>()

/** Resolves when somebody is to be told something for the first time. */
export const toastWanted = first.promise
/** Called by what shows the toasts once it is on the page. */
export const toastsShownBy = shown.resolve

/** The one toast call. What shows them is fetched with the first one, so that a page without news does not load it. */
export const toast = { success: saying('success'), warning: saying('warning'), error: saying('error') }

function saying(kind: Kind) {
  return (message: string): void => {
    first.resolve()
    void shown.promise.then((show) => show[kind](message))
  }
}
