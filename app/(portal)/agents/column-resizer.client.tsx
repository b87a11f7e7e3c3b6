'use client'

import { type KeyboardEvent, type PointerEvent, useRef } from 'react'
import { rememberLayout } from './remember-layout.client.ts'

const [widthMin, widthMax, step] = [60, 900, 16]

/** Wide enough to be hit, with a line in its middle: the edge of a column's head that is dragged, or moved with the arrow keys; the width is remembered in this browser. */
export function ColumnResizer({ column, label }: { column: string; label: string }) {
  const handle = useRef<HTMLButtonElement>(null)
  const resize = (width: number): void => {
    const head = handle.current?.closest('th')
    if (!head) return
    const fitting = Math.round(Math.min(widthMax, Math.max(widthMin, width)))
    head.style.width = head.style.minWidth = head.style.maxWidth = `${fitting}px`
    rememberLayout(({ widths }) => ({ widths: { ...widths, [column]: fitting } }))
  }
  const widthNow = (): number => handle.current?.closest('th')?.getBoundingClientRect().width ?? widthMin
  const onPointerDown = (event: PointerEvent<HTMLButtonElement>): void => {
    const [from, width] = [event.clientX, widthNow()]
    const target = event.currentTarget
    target.setPointerCapture(event.pointerId)
    const onMove = (move: globalThis.PointerEvent): void => resize(width + move.clientX - from)
    target.addEventListener('pointermove', onMove)
    target.addEventListener('pointerup', () => target.removeEventListener('pointermove', onMove), { once: true })
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
    event.preventDefault()
    resize(widthNow() + (event.key === 'ArrowRight' ? step : -step))
  }
  return (
    <button
      ref={handle}
      type="button"
      aria-label={`Width of ${label}: arrow keys change it`}
      className="absolute inset-y-0 -right-3 z-10 hidden w-6 cursor-col-resize touch-none after:absolute after:inset-y-1 after:left-1/2 after:w-1.5 after:-translate-x-1/2 after:rounded-sm hover:after:bg-border focus-visible:after:bg-accent md:block [th:last-child>&]:right-0"
      onPointerDown={onPointerDown}
      onKeyDown={onKeyDown}
    />
  )
}
