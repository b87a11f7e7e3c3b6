'use client'

import { DataClassBadges } from '#components/agents/agent-badges.tsx'
import { Checkbox } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { type DataClass, dataClasses as words } from '#lib/registry/schema.ts'
import { setDataClasses } from './actions.ts'

/** What kind of data is behind the server, which the approval policy may ask about. */
export function DataClasses({
  serverId,
  dataClasses,
  whyNot,
}: {
  serverId: string
  dataClasses: readonly DataClass[]
  whyNot: string | null
}) {
  const { run, pending, failed } = useAction(setDataClasses, ({ waits }) =>
    toast.success(waits ? 'Proposed: it is named until somebody else confirms it.' : 'The kinds of data are changed.'),
  )
  if (whyNot !== null) {
    return (
      <span title={whyNot} className="flex flex-wrap gap-1">
        {dataClasses.length === 0 ? 'no kind is named' : <DataClassBadges dataClasses={dataClasses} />}
      </span>
    )
  }
  return (
    <fieldset disabled={pending}>
      <legend className="sr-only">Kinds of data behind it</legend>
      <div className="flex flex-wrap gap-x-4 gap-y-1">
        {words.map((word) => (
          <label key={word} className="flex items-center gap-2 text-sm">
            <Checkbox
              checked={dataClasses.includes(word)}
              onChange={(event) =>
                run({
                  serverId,
                  dataClasses: words.filter((each) =>
                    each === word ? event.target.checked : dataClasses.includes(each),
                  ),
                })
              }
            />
            {word.replaceAll('_', ' ')}
          </label>
        ))}
      </div>
      {failed && (
        <span role="alert" className="block text-[13px] text-danger">
          {failed.message}
        </span>
      )}
    </fieldset>
  )
}
