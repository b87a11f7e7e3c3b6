'use client'

import { Button, type ButtonProps } from './button.tsx'
import { Tooltip } from './tooltip.client.tsx'

/**
 * A button that says why it cannot be pressed, and who could. It stays focusable (`aria-disabled`), so that the reason can be reached by
 * keyboard and read aloud.
 */
export function ActionButton({
  whyNot,
  onClick,
  children,
  ...props
}: ButtonProps & { whyNot?: string | null | undefined }) {
  if (!whyNot) {
    return (
      <Button onClick={onClick} {...props}>
        {children}
      </Button>
    )
  }
  return (
    <Tooltip text={whyNot}>
      <Button {...props} type="button" aria-disabled onClick={(event) => event.preventDefault()}>
        {children}
        <span className="sr-only"> (not possible: {whyNot})</span>
      </Button>
    </Tooltip>
  )
}
