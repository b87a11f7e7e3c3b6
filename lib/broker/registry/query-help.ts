import { queryKeys } from '#lib/registry/rules.ts'
import { facetKeys } from '#lib/registry/schema.ts'

/** The query language for a model, from the same table that the parser reads. */
export function queryHelp(): string {
  const keys = Object.entries(queryKeys).map(([key, spec]) => {
    const values = spec.kind === 'choice' ? ` One of: ${spec.values.join(', ')}.` : ''
    return `- \`${key}:\` ${spec.says}.${values}`
  })
  return `# The catalog's query language

    can:write env:production owner:finance-platform -status:retired runs:<5 (tier:high or idle:>30d) invoice "purchase order"

${keys.join('\n')}
- anything else: a word that id, name or purpose contains

All must hold. Commas mean any of (\`status:active,suspended\`). \`-\` before a term, word or group is the opposite. \`( … or … )\` are
alternatives. Ranges: \`5\`, \`<5\`, \`>=5\`, \`5..10\`; days: \`>30d\`; dates: \`<2026-06-01\`, \`never\`. Quotes keep spaces and colons.

\`can:\`, \`env:\`, \`server:\` and \`tool:\` side by side describe one tool that the agent reaches now: \`can:write env:production\` finds agents
that reach a write tool of a production server. In parentheses each describes one of its own: \`(server:erp) (server:crm)\`. Access is
effective; the status of the agent is not part of it, so add \`status:active\` to leave suspended agents out.

count_agents divides what a query finds by ${facetKeys.join(', ')}.
`
}
