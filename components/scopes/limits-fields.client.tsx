'use client'

import { Plus, X } from 'lucide-react'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import {
  type ConditionWord,
  conditionWords,
  readCondition,
  readRate,
  type WrittenCondition,
  writeCondition,
} from '#lib/registry/schema/condition-words.ts'
import { type ArgumentCondition, type CallRate, conditionsMax } from '#lib/registry/schema/conditions.ts'

/** `key` tells the lines apart while they are edited. */
type Line = WrittenCondition & { key: number }
export type LimitsDraft = { conditions: Line[]; rate: string }

export function limitsDraft(limits?: { conditions: readonly ArgumentCondition[]; rate: CallRate | null }): LimitsDraft {
  return {
    conditions: limits?.conditions.map((condition, key) => ({ ...writeCondition(condition), key })) ?? [],
    rate: limits?.rate ? `${limits.rate.calls}/${limits.rate.per}` : '',
  }
}

/** What the draft says, or what is wrong with it. An empty line says nothing. */
export function readLimits(
  draft: LimitsDraft,
): { conditions: ArgumentCondition[]; rate: CallRate | null; problem: null } | { problem: string } {
  const conditions: ArgumentCondition[] = []
  for (const written of draft.conditions) {
    if (written.pointer.trim() === '' && written.value.trim() === '') continue
    const read = readCondition(written)
    if (!read.ok) return { problem: `Condition ${conditions.length + 1}: ${read.error}` }
    conditions.push(read.value)
  }
  if (draft.rate.trim() === '') return { conditions, rate: null, problem: null }
  const rate = readRate(draft.rate)
  return rate.ok ? { conditions, rate: rate.value, problem: null } : { problem: rate.error }
}

const wordLabels: Record<ConditionWord, string> = {
  is: 'is',
  in: 'is one of',
  begins: 'begins with',
  between: 'is between',
  matches: 'matches (RE2)',
}
const examples: Record<ConditionWord, string> = {
  is: 'EUR',
  in: 'EUR, USD',
  begins: '/reports/',
  between: '0..1000',
  matches: 'INV-[0-9]+',
}

/** Conditions on arguments, one a line; with a rate where the scope may have one. */
export function LimitsFields({
  draft,
  onChange,
  error,
  withRate = true,
}: {
  draft: LimitsDraft
  onChange: (draft: LimitsDraft) => void
  error?: string | undefined
  withRate?: boolean
}) {
  const key = Math.max(0, ...draft.conditions.map((line) => line.key + 1))
  const set = (at: number, change: Partial<WrittenCondition>) =>
    onChange({
      ...draft,
      conditions: draft.conditions.map((each, index) => (index === at ? { ...each, ...change } : each)),
    })
  return (
    <fieldset className="min-w-0 space-y-2">
      <legend className="text-sm font-medium">Only when</legend>
      <p className="text-[13px] text-muted-foreground">
        What the arguments must be, each by its pointer: /amount, or /lines/*/account for every item. All must hold.
        Quote what begins or ends with a space.
      </p>
      {draft.conditions.map((condition, at) => (
        <div key={condition.key} className="grid grid-cols-[minmax(0,1fr)_auto] gap-2 sm:grid-cols-[1fr_9rem_1fr_auto]">
          <Input
            aria-label={`Argument of condition ${at + 1}`}
            className="font-mono"
            placeholder="/amount"
            value={condition.pointer}
            onChange={(event) => set(at, { pointer: event.target.value })}
          />
          <Button
            aria-label={`Remove condition ${at + 1}`}
            className="sm:order-last"
            onClick={() => onChange({ ...draft, conditions: draft.conditions.filter((_, index) => index !== at) })}
          >
            <X aria-hidden />
          </Button>
          <Select
            aria-label={`Comparison of condition ${at + 1}`}
            value={condition.word}
            onChange={(event) => set(at, { word: event.target.value as ConditionWord })}
          >
            {conditionWords.map((word) => (
              <option key={word} value={word}>
                {wordLabels[word]}
              </option>
            ))}
          </Select>
          <Input
            aria-label={`Value of condition ${at + 1}`}
            className="col-span-full font-mono sm:col-span-1"
            placeholder={examples[condition.word]}
            value={condition.value}
            onChange={(event) => set(at, { value: event.target.value })}
          />
        </div>
      ))}
      <Button
        size="sm"
        disabled={draft.conditions.length >= conditionsMax}
        onClick={() =>
          onChange({ ...draft, conditions: [...draft.conditions, { pointer: '', word: 'is', value: '', key }] })
        }
      >
        <Plus aria-hidden /> Add a condition
      </Button>
      {withRate && (
        <Field label="At most" hint="Calls a minute or an hour, such as 10/minute. Empty: no limit of its own.">
          <Input
            className="font-mono"
            placeholder="10/minute"
            value={draft.rate}
            onChange={(event) => onChange({ ...draft, rate: event.target.value })}
          />
        </Field>
      )}
      {error && <p className="text-[13px] text-danger">{error}</p>}
    </fieldset>
  )
}
