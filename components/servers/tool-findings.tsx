import { findingTitle, type ToolFinding } from '#lib/registry/rules/tool-findings.ts'

/** What was found in a definition, where, and what it says there. */
export function ToolFindings({ findings }: { findings: readonly ToolFinding[] }) {
  return (
    <ul className="space-y-1">
      {findings.map(({ kind, path, note }) => (
        <li key={`${kind} ${path} ${note}`}>
          <span className="font-medium">{findingTitle(kind)}</span>
          {path && <code className="ml-1 break-all">{path}</code>}: <span className="break-words">{note}</span>
        </li>
      ))}
    </ul>
  )
}
