'use client'

import { useState, useTransition } from 'react'
import { refusalText } from '#components/shell/refusal-text.ts'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { signInAs } from './actions.ts'

type DemoPerson = { id: string; name: string; role: string; team: string }

export function PersonaList({ people, next }: { people: readonly DemoPerson[]; next: string }) {
  const [chosen, setChosen] = useState<string | null>(null)
  const [error, setError] = useState<string | null>(null)
  const [pending, start] = useTransition()
  const signIn = (personId: string) => {
    setChosen(personId)
    setError(null)
    start(async () => {
      const outcome = await signInAs({ personId, next })
      if (!outcome.ok) setError(refusalText(outcome.error))
    })
  }
  return (
    <Card
      title="Demo people"
      description="They need no password and exist only on this machine, with demo data."
      actions={<Badge tone="outline">Demo data</Badge>}
      flush
    >
      <ul className="divide-y">
        {people.map((person) => (
          <li key={person.id} className="flex items-center justify-between gap-3 px-4 py-2.5">
            <div className="min-w-0">
              <p className="font-medium">{person.name}</p>
              <p className="text-[13px] text-muted-foreground">
                {person.role} · {person.team}
              </p>
            </div>
            <Button
              size="sm"
              aria-label={`Sign in as ${person.role}, ${person.name}`}
              pending={pending && chosen === person.id}
              disabled={pending}
              onClick={() => signIn(person.id)}
            >
              Sign in
            </Button>
          </li>
        ))}
      </ul>
      {error && (
        <div className="p-4 pt-2">
          <Notice kind="danger">{error}</Notice>
        </div>
      )}
    </Card>
  )
}
