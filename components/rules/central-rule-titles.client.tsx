'use client'

import { createContext, type ReactNode, useContext } from 'react'

// Apart from the links: the frame of every page provides these, and must not bring the words of all rules along.

/** What policies of central sets are called, by id: their words are kept with their text. */
const CentralRuleTitles = createContext<Readonly<Record<string, string>>>({})

export function CentralRuleTitlesProvider({
  titles,
  children,
}: {
  titles: Record<string, string>
  children: ReactNode
}) {
  return <CentralRuleTitles value={titles}>{children}</CentralRuleTitles>
}

export function useCentralRuleTitles(): Readonly<Record<string, string>> {
  return useContext(CentralRuleTitles)
}
