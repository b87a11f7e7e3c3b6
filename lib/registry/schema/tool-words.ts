import type { ToolView } from './tools.ts'

/** Where the class of a tool comes from: `declared destructive, classed write by Ada: it only marks.` */
export function classText({
  class: toolClass,
  classSource,
  declaredClass,
  override,
}: Pick<ToolView, 'class' | 'classSource' | 'declaredClass' | 'override'>): string {
  if (classSource !== 'platform') return `${toolClass}, as its server declares`
  const who = override ? ` by ${override.by.name}` : ' by the platform'
  const why = override?.reason ? `: ${override.reason}` : ''
  return `declared ${declaredClass}, classed ${toolClass}${who}${why}`
}
