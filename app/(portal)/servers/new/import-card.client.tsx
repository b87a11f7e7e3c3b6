'use client'

import { useId, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { Field } from '#components/ui/field.tsx'
import { Textarea } from '#components/ui/input.tsx'
import { commandFindings } from '#lib/registry/rules/server-command.ts'
import { readServerJson, type ServerJson, type ServerJsonOption } from '#lib/registry/rules/server-json.ts'
import { probeFindingKinds } from '#lib/registry/schema/probes.ts'

type Props = { onTake: (proposal: ServerJson['proposal'], option: ServerJsonOption) => void }

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
            className="block w-full text-sm"
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
              <li key={option.label} className="space-y-1 rounded-md border p-3 text-sm">
                <p className="font-medium break-all">{option.label}</p>
                {option.transport === 'stdio' && (
                  <code className="block text-xs break-all">
                    {[option.command.command, ...option.command.args].join(' ')}
                  </code>
                )}
                {option.credentialHeader && <p>Needs a credential in the header {option.credentialHeader}.</p>}
                {option.transport === 'stdio' &&
                  commandFindings(option.command).map(({ kind }) => (
                    <p key={kind} className="text-warn">
                      {probeFindingKinds[kind].title}: {probeFindingKinds[kind].says}
                    </p>
                  ))}
                {option.problems.map((problem) => (
                  <p key={problem} className="text-warn">
                    {problem}
                  </p>
                ))}
                <Button size="sm" onClick={() => onTake(read.value.proposal, option)}>
                  Fill the form with this
                </Button>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Card>
  )
}
