'use client'

import { useId, useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Card } from '#components/ui/card.tsx'
import { Field } from '#components/ui/field.tsx'
import { Textarea } from '#components/ui/input.tsx'
import { readServerJson } from '#lib/registry/rules/server-json.ts'
import { visibleText } from '#lib/registry/rules/tool-findings.ts'
import type { Draft } from './draft.ts'
import { PackageWay } from './package-way.client.tsx'

type Props = { onTake: (change: Partial<Draft>) => void }

/** A `server.json` of the official registry, pasted or chosen as a file; one of its ways fills the form. */
export function ImportCard({ onTake }: Props) {
  const [text, setText] = useState('')
  const fileId = useId()
  const read = text.trim() === '' ? null : readServerJson(text)
  return (
    <Card title="Import server.json" description="As the official MCP registry publishes it.">
      <div className="space-y-4">
        <Field label="The file’s text">
          <Textarea
            rows={6}
            className="font-mono text-xs"
            value={text}
            spellCheck={false}
            onChange={(event) => setText(event.target.value)}
          />
        </Field>
        <div>
          <label htmlFor={fileId} className="mb-1.5 block text-sm font-medium">
            or the file itself
          </label>
          <input
            id={fileId}
            type="file"
            accept=".json,application/json"
            className="block w-full cursor-pointer text-sm file:mr-3 file:h-8 file:cursor-pointer file:rounded-md file:border file:border-input file:bg-raised file:px-2.5 file:font-medium hover:file:bg-muted"
            onChange={(event) => void event.target.files?.[0]?.text().then(setText)}
          />
        </div>
        {read && !read.ok && (
          <ul role="alert" className="space-y-1 text-sm text-danger">
            {read.errors.map(({ line, column, field, message }) => (
              <li key={`${line}:${column} ${field} ${message}`} className="break-words">
                Line {line}, column {column}
                {field && (
                  <>
                    , <code>{field}</code>
                  </>
                )}
                : {message}
              </li>
            ))}
          </ul>
        )}
        {read?.ok && (
          <ul aria-label={`Ways to reach ${read.value.name}`} className="space-y-3">
            {read.value.options.map((option) => (
              <li key={option.label} className="space-y-2 rounded-md border p-3 text-sm">
                <p className="font-medium break-all">{option.label}</p>
                {option.transport === 'http' && option.credentialHeader && (
                  <p>Needs a credential in the header {option.credentialHeader}.</p>
                )}
                {option.transport === 'http' && option.leftOut.length > 0 && (
                  <p className="break-words">
                    Not taken over: {option.leftOut.map(headerText).join(', ')}. The broker sends a server no header of
                    its own but that of its credential.
                  </p>
                )}
                {option.problems.map((problem) => (
                  <p key={problem} className="break-words text-warn">
                    {problem}
                  </p>
                ))}
                {option.transport === 'http' && (
                  <ActionButton
                    size="sm"
                    whyNot={option.refusal}
                    onClick={() =>
                      onTake({
                        ...read.value.proposal,
                        transport: 'http',
                        url: option.url,
                        credentialHeader: option.credentialHeader ?? '',
                      })
                    }
                  >
                    Fill the form with this
                  </ActionButton>
                )}
                {option.transport === 'package' && option.problems.length === 0 && (
                  <PackageWay option={option} onTake={(change) => onTake({ ...read.value.proposal, ...change })} />
                )}
              </li>
            ))}
          </ul>
        )}
      </div>
    </Card>
  )
}

function headerText({ name, value }: { name: string; value: string | null }): string {
  return visibleText(value === null ? name : `${name}: ${value.slice(0, 200)}`)
}
