import type { QueryNode } from './ast.ts'
import { type QueryKey, isAccessKey, specOf } from './keys.ts'

/** Whether `can:`, `env:`, `data:`, `server:` or `tool:` is anywhere in it. */
export function asksAboutReach(node: QueryNode): boolean {
  return asksAbout(node, isAccessKey)
}

/** Whether `runs:`, `cost:`, `escalation:` or `idle:` is anywhere in it. */
export function asksAboutFigures(node: QueryNode): boolean {
  return asksAbout(node, (key) => specOf(key).measured === true)
}

function asksAbout(node: QueryNode, isAsked: (key: QueryKey) => boolean): boolean {
  switch (node.kind) {
    case 'and':
    case 'or':
      return node.items.some((item) => asksAbout(item, isAsked))
    case 'not':
      return asksAbout(node.item, isAsked)
    case 'term':
      return isAsked(node.key)
    case 'word':
      return false
  }
}
