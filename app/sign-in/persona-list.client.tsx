'use client'

import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { signInAs } from './actions.ts'

type DemoPerson = { id: string; name: string; role: string; team: string }

export function PersonaList({ people, next }: { people: readonly DemoPerson[]; next: string }) {
  const [chosen, setChosen] = useState<string | null>(null)
  const { run, pending, failed } = useAction(signInAs)
  const signIn = (personId: string) => {
    setChosen(personId)
    run({ personId, next })
  }
  return (
    <Card title="Demo people" description="They need no password and exist only on this machine, with demo data." flush>
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
      {failed && (
        <div className="p-4 pt-2">
          <Notice kind="danger" requestId={failed.requestId}>
            {failed.message}
          </Notice>
        </div>
      )}
    </Card>
  )
}
