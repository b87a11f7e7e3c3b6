import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import type { FieldChange, GrantChange } from '#lib/registry/schema/history.ts'
import { valueText } from './value-text.ts'

/** What differs, field by field. */
export function FieldChanges({ caption, fields }: { caption: string; fields: readonly FieldChange[] }) {
  return <DataTable caption={caption} columns={fieldColumns} rows={fields} rowKey={(change) => change.field} />
}

/** Grants that came, went, or say something else. */
export function GrantChanges({ caption, grants }: { caption: string; grants: readonly GrantChange[] }) {
  return <DataTable caption={caption} columns={grantColumns} rows={grants} rowKey={(change) => change.grantId} />
}

const fieldColumns: readonly Column<FieldChange>[] = [
  { id: 'field', header: 'Field', cell: ({ field }) => <code className="whitespace-nowrap">{field}</code> },
  { id: 'before', header: 'Before', cell: ({ field, before }) => <Value value={before} field={field} /> },
  { id: 'after', header: 'After', cell: ({ field, after }) => <Value value={after} field={field} /> },
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
              {field}: {valueText(before, field)} → {valueText(after, field)}
            </span>
          ))
        : null,
  },
]

function Value({ value, field }: { value: unknown; field: string }) {
  return <span className="block max-w-md whitespace-pre-wrap break-words">{valueText(value, field)}</span>
}
