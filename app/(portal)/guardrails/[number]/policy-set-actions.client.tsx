'use client'

import Link from 'next/link'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { paths } from '#lib/core/paths.ts'
import type { PolicySetDetail } from '#lib/guardrails/schema/policy-sets.ts'
import { discard, makeLogOnly, rollBack, stopLogOnly } from '../actions.ts'
import { EnforceButton } from './enforce-button.client.tsx'

/** What can be done with a set in its state; what cannot says why. */
export function PolicySetActions({ set }: { set: PolicySetDetail }) {
  const { number, state, actions, enforced } = set
  const whyNot = (action: keyof typeof actions) => actions[action]?.message ?? null
  return (
    <>
      {state === 'draft' && actions.discard !== null && (
        <ActionButton size="sm" whyNot={whyNot('discard')}>
          Throw away
        </ActionButton>
      )}
      {state === 'draft' && actions.discard === null && (
        <ConfirmButton
          label="Throw away"
          object={`policy set ${number}`}
          title={`Throw policy set ${number} away`}
          description="It leaves the list for good, and a replay of it ends. Its text stays on record: a new draft can be made of it."
          confirm="Throw it away"
          action={discard}
          input={{ number, version: set.version }}
          said={`Policy set ${number} is thrown away.`}
        />
      )}
      {state !== 'draft' && state !== 'log_only' && (
        <Button asChild>
          <Link href={paths.newPolicySet(number)}>Make a draft of it</Link>
        </Button>
      )}
      {state === 'draft' && <LogOnlyButton set={set} start label="Make log-only" whyNot={whyNot('log_only')} />}
      {state === 'log_only' && (
        <LogOnlyButton set={set} start={false} label="End log-only" whyNot={whyNot('end_log_only')} />
      )}
      {(state === 'draft' || state === 'log_only') && <EnforceButton set={set} whyNot={whyNot('enforce')} />}
      {state === 'superseded' && (
        <ReasonButton
          label="Roll back to it"
          title={`Put policy set ${number} in force again`}
          description={`It takes the place of policy set ${enforced?.number ?? 'none'} within a second, in running sessions too. What was approved and not yet carried out is asked for again.`}
          confirm="Roll back"
          action={rollBack}
          input={{ number, replaces: enforced?.number ?? null }}
          whyNot={whyNot('roll_back')}
          said={`Policy set ${number} is in force.`}
        />
      )}
    </>
  )
}

function LogOnlyButton({
  set: { number },
  start,
  label,
  whyNot,
}: {
  set: PolicySetDetail
  start: boolean
  label: string
  whyNot: string | null
}) {
  const { run, pending, failed } = useAction(start ? makeLogOnly : stopLogOnly, () =>
    toast.success(start ? `Policy set ${number} is log-only.` : `Policy set ${number} is a draft again.`),
  )
  return (
    <>
      <ActionButton whyNot={whyNot} pending={pending} onClick={() => run({ number })}>
        {label}
      </ActionButton>
      {failed && (
        <p role="alert" className="basis-full text-[13px] text-danger">
          {failed.message}
        </p>
      )}
    </>
  )
}
