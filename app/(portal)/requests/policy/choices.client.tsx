'use client'

import { Checkbox } from '#components/ui/input.tsx'

/** Words of which any may be chosen. */
export function Choices<Word extends string>({
  label,
  words,
  chosen,
  onChange,
  name,
  error,
}: {
  label: string
  words: readonly Word[]
  chosen: readonly string[]
  onChange: (chosen: string[]) => void
  name?: (word: Word) => string
  error?: string | undefined
}) {
  return (
    <fieldset>
      <legend className="mb-1 text-sm font-medium">{label}</legend>
      <div className="flex flex-wrap gap-x-4 gap-y-1">
        {words.map((word) => (
          <label key={word} className="flex items-center gap-2 text-sm">
            <Checkbox
              checked={chosen.includes(word)}
              onChange={(event) =>
                onChange(event.target.checked ? [...chosen, word] : chosen.filter((each) => each !== word))
              }
            />
            {name ? name(word) : word}
          </label>
        ))}
      </div>
      {error && (
        <p role="alert" className="mt-1 text-[13px] text-danger">
          {error}
        </p>
      )}
    </fieldset>
  )
}
