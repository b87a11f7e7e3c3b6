'use client'

import { useQuery } from '@tanstack/react-query'
import { Command } from 'cmdk'
import { Bot, OctagonX, Plus, Search } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { Dialog as Radix } from 'radix-ui'
import { type ReactNode, type RefObject, useDeferredValue, useRef, useState } from 'react'
import { useStopDialog } from '#components/stops/stop-dialog.client.tsx'
import { paths } from '#lib/core/paths.ts'
import { agentSearchQuery } from './agent-search.ts'
import { navigation } from './navigation.ts'

/** The command palette's dialog. Stopping goes through the same dialog as everywhere. */
export function PaletteDialog({
  open,
  onOpenChange,
  canStop,
  returnFocusTo,
}: {
  open: boolean
  onOpenChange: (open: boolean) => void
  canStop: boolean
  returnFocusTo: RefObject<HTMLElement | null>
}) {
  const router = useRouter()
  const stop = useStopDialog()
  const opener = useRef<Element>(null)
  const [text, setText] = useState('')
  const search = useDeferredValue(text.trim())
  const { data: agents = [], isFetching } = useQuery({
    ...agentSearchQuery(search),
    enabled: open && search.length > 1,
  })

  const run = (act: () => void) => () => {
    onOpenChange(false)
    setText('')
    act()
  }
  const go = (href: string) => run(() => router.push(href))

  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/50" />
        <Radix.Content
          aria-describedby={undefined}
          onOpenAutoFocus={() => {
            opener.current = document.activeElement
          }}
          // Back to where one was: by the keyboard that is not the button.
          onCloseAutoFocus={(event) => {
            event.preventDefault()
            const { current: from } = opener
            const there = from instanceof HTMLElement && from !== document.body && from.isConnected
            if (there) from.focus()
            else returnFocusTo.current?.focus()
          }}
          className="fixed top-[12dvh] left-1/2 z-50 w-[calc(100vw-1.5rem)] max-w-xl -translate-x-1/2 overflow-hidden rounded-lg border bg-raised shadow-xl"
        >
          <Radix.Title className="sr-only">Search and commands</Radix.Title>
          <Command label="Search and commands" loop>
            <div className="flex items-center gap-2 border-b px-3">
              <Search className="size-4 text-muted-foreground" aria-hidden />
              <Command.Input
                value={text}
                onValueChange={setText}
                placeholder="Page, agent or command"
                className="h-11 w-full bg-transparent outline-none placeholder:text-muted-foreground"
              />
            </div>
            <Command.List className="max-h-[50dvh] overflow-y-auto p-1.5">
              <Command.Empty className="px-3 py-6 text-center text-muted-foreground">
                {isFetching || search !== text.trim() ? 'Looking…' : 'Nothing matches.'}
              </Command.Empty>
              {agents.length > 0 && (
                <Group heading="Agents">
                  {agents.map((agent) => (
                    <Item
                      key={agent.id}
                      value={`agent ${agent.id} ${agent.name} ${search}`}
                      onSelect={go(paths.agent(agent.id))}
                    >
                      <Bot aria-hidden /> {agent.name} <span className="text-muted-foreground">{agent.owner}</span>
                    </Item>
                  ))}
                  {canStop &&
                    agents.map((agent) => (
                      <Item
                        key={`stop ${agent.id}`}
                        value={`stop agent ${agent.id} ${agent.name} ${search}`}
                        onSelect={run(() => stop.open({ scope: 'agent', agent }))}
                      >
                        <OctagonX className="text-danger" aria-hidden /> Stop agent {agent.name}…
                      </Item>
                    ))}
                </Group>
              )}
              <Group heading="Go to">
                {navigation
                  .flatMap((group) => group.items)
                  .map(({ href, label, icon: Icon, keywords }) => (
                    <Item key={href} value={`${label} ${keywords ?? ''}`} onSelect={go(href)}>
                      <Icon aria-hidden /> {label}
                    </Item>
                  ))}
              </Group>
              <Group heading="Commands">
                <Item value="new agent create" onSelect={go(paths.newAgent())}>
                  <Plus aria-hidden /> New agent
                </Item>
                {canStop && (
                  <>
                    <Item value="stop agent" onSelect={run(() => stop.open({ scope: 'agent', agent: null }))}>
                      <OctagonX aria-hidden /> Stop agent…
                    </Item>
                    <Item value="stop the whole organization kill switch" onSelect={run(() => stop.open())}>
                      <OctagonX aria-hidden /> Stop the whole organization…
                    </Item>
                  </>
                )}
              </Group>
            </Command.List>
          </Command>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

function Group({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <Command.Group
      heading={heading}
      className="[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:py-1.5 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted-foreground"
    >
      {children}
    </Command.Group>
  )
}

function Item({ value, onSelect, children }: { value: string; onSelect: () => void; children: ReactNode }) {
  return (
    <Command.Item
      value={value}
      onSelect={onSelect}
      className="flex h-9 items-center gap-2.5 rounded-md px-2 data-[selected=true]:bg-muted [&_svg]:size-4 [&_svg]:shrink-0"
    >
      {children}
    </Command.Item>
  )
}
