import type { AgentQuery, QueryNode } from './ast.ts'
import { printValue } from './values.ts'

/** The text that parses to this query again. */
export function formatAgentQuery(query: AgentQuery): string {
  return query.items.map(printNode).join(' ')
}

/** One part of a query as it is written. */
export function printNode(node: QueryNode): string {
  switch (node.kind) {
    case 'word':
      return /^-|^or$|[\s"\\:()]/.test(node.text) ? quote(node.text) : node.text
    case 'term':
      return `${node.key}:${node.values.map((value) => quoteValue(printValue(node.key, value))).join(',')}`
    case 'not':
      return `-${printNode(node.item)}`
    case 'and':
      return `(${node.items.map(printNode).join(' ')})`
    case 'or':
      return `(${node.items.map(printAlternative).join(' or ')})`
  }
}

/** Several items of one alternative need no parentheses of their own. */
function printAlternative(node: QueryNode): string {
  return node.kind === 'and' && node.items.length > 1 ? node.items.map(printNode).join(' ') : printNode(node)
}

function quoteValue(value: string): string {
  return /[\s",\\()]/.test(value) ? quote(value) : value
}

/** A query for what somebody typed, taken as text: nothing in it means anything to the language. */
export function textQuery(typed: string): string {
  const text = typed.replaceAll(/["\\]/g, ' ').trim()
  return text === '' ? '' : quote(text)
}

function quote(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}
