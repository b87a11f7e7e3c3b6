import type { HoldSuggestion } from './hold-insight.ts'

/** What the figures say, in a sentence; what could be done about it is another one. */
export function suggestionText(suggestion: HoldSuggestion): string {
  switch (suggestion.kind) {
    case 'always_approved':
      return `“${suggestion.rule.title}”: all ${count(suggestion.approved)} calls that were decided were approved as they were.`
    case 'always_rejected': {
      const { server, tool, rejected, agents } = suggestion
      const whose = agents.map(({ name }) => name).join(', ')
      return `${server.name}/${tool}: all ${count(rejected)} calls that were decided were rejected, of ${whose}.`
    }
    case 'mostly_expired': {
      const { rule, expired, ended } = suggestion
      return `“${rule.title}”: nobody decided in time about ${count(expired)} of ${count(ended)} calls.`
    }
    case 'never_met':
      return `“${suggestion.rule.title}” has held nothing for 90 days, of ${count(suggestion.calls)} calls that it is about.`
  }
}

function count(calls: number): string {
  return calls.toLocaleString('en-US')
}
