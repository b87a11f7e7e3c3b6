import { ShipWheel } from 'lucide-react'

export function Logo() {
  return (
    <span className="flex items-center gap-2 font-semibold tracking-tight">
      <ShipWheel className="size-4.5 text-accent" aria-hidden />
      Wheelhouse
    </span>
  )
}
