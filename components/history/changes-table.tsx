import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import type { FieldChange, GrantChange } from '#lib/registry/schema/history.ts'

/** What differs, field by field. */
export function FieldChanges({ caption, fields }: { caption: string; fields: readonly FieldChange[] }) {
  return <DataTable caption={caption} columns={fieldColumns} rows={fields} rowKey={(change) => change.field} />
}

/** Grants that came, went, or say something else. */
export function GrantChanges({ caption, grants }: { caption: string; grants: readonly GrantChange[] }) {
  return <DataTable caption={caption} columns={grantColumns} rows={grants} rowKey={(change) => change.grantId} />
}

/** A field's value in words. */
export function valueText(value: unknown): string {
  if (value === null || value === '') return '–'
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(', ') || '–'
  return JSON.stringify(value)
}

const fieldColumns: readonly Column<FieldChange>[] = [
  { id: 'field', header: 'Field', cell: ({ field }) => <code className="whitespace-nowrap">{field}</code> },
  { id: 'before', header: 'Before', cell: ({ before }) => <Value value={before} /> },
  { id: 'after', header: 'After', cell: ({ after }) => <Value value={after} /> },
]

const grantColumns: readonly Column<GrantChange>[] = [
  {
    id: 'scope',
    header: 'Grant',
    cell: ({ serverId, class: toolClass, toolName }) => (
      <ScopeBadge serverId={serverId} toolClass={toolClass} toolName={toolName} />
    ),
  },
  { id: 'change', header: 'Change', cell: ({ change }) => change },
  {
    id: 'fields',
    header: 'What',
    cell: ({ fields, change }) =>
      change === 'changed'
        ? fields.map(({ field, before, after }) => (
            <span key={field} className="block break-words">
              {field}: {valueText(before)} → {valueText(after)}
            </span>
          ))
        : null,
  },
]

function Value({ value }: { value: unknown }) {
  return <span className="block max-w-md whitespace-pre-wrap break-words">{valueText(value)}</span>
}
