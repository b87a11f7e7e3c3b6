'use client'

import { Tooltip as Radix } from 'radix-ui'

/** What a tooltip is made of; tooltip.client.tsx fetches it. */
export const tooltipParts = {
  Provider: Radix.Provider,
  Root: Radix.Root,
  Trigger: Radix.Trigger,
  Portal: Radix.Portal,
  Content: Radix.Content,
}
