import { DomainError } from '#lib/core/errors.ts'
import { covers } from '#lib/registry/rules.ts'
import { type ToolClass, toolClasses } from '#lib/registry/schema.ts'
import { isBesidesTools } from '#lib/registry/schema/capabilities.ts'

/** What is granted one by one: each tool that is named, or the class as a whole (null). */
export function partsOf(toolNames: readonly string[]): (string | null)[] {
  return toolNames.length === 0 ? [null] : [...toolNames]
}

/** The tool that an event is about: where several are named it is about none of them alone. */
export function oneTool(toolNames: readonly string[]): string | null {
  return toolNames.length === 1 ? toolNames[0]! : null
}

/** The class that one part needs: a tool its own, what is no tool read; never more than was asked for, also when a tool is another than it was. */
export function classOf(
  name: string | null,
  { asked, tools }: { asked: ToolClass; tools: readonly { name: string; class: ToolClass }[] },
): ToolClass {
  if (isBesidesTools(name)) return 'read'
  const tool = tools.find((each) => each.name === name)
  return tool && covers(asked, tool.class) ? tool.class : asked
}

/** The widest class that one of the tools needs that are named; of a class as a whole it is that class. */
export function classNeeded(
  { class: asked, toolNames }: { class: ToolClass; toolNames: readonly string[] },
  tools: readonly { name: string; class: ToolClass }[],
): ToolClass {
  const needed = new Set(toolNames.map((name) => classOf(name, { asked, tools })))
  return toolClasses.findLast((each) => needed.has(each)) ?? asked
}

/** What is said when tools were asked for with a wider class than they need; null: they were not. */
export function narrowedClass({
  asked,
  needed,
  toolNames,
}: {
  asked: ToolClass | undefined
  needed: ToolClass
  toolNames: readonly string[]
}): string | null {
  if (asked === undefined || asked === needed || toolNames.length === 0) return null
  const need = toolNames.length === 1 ? 'needs' : 'need'
  return `${toolNames.join(', ')} ${need} ${needed}, so that is asked for instead of ${asked}.`
}

/** Throws `conflict`, by its name, for one that is no tool of the server (any more): a grant of it would hold for whatever came back under that name. */
export function checkNamesKnown(names: readonly string[], tools: readonly { name: string }[]): void {
  const gone = names.find((name) => !isBesidesTools(name) && !tools.some((tool) => tool.name === name))
  if (gone === undefined) return
  throw new DomainError('conflict', `${gone} is no tool of this server any more: leave it out.`, {
    field: 'toolNames',
    rule: 'scopes:tool_unknown',
  })
}
