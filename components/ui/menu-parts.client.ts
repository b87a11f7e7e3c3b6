'use client'

import { DropdownMenu as Radix } from 'radix-ui'

/** What a menu is made of; menu.client.tsx fetches it. */
export const menuParts = {
  Root: Radix.Root,
  Trigger: Radix.Trigger,
  Portal: Radix.Portal,
  Content: Radix.Content,
  Item: Radix.Item,
  Label: Radix.Label,
  Separator: Radix.Separator,
  RadioGroup: Radix.RadioGroup,
  RadioItem: Radix.RadioItem,
  ItemIndicator: Radix.ItemIndicator,
}
