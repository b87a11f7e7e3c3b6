import { isDeepStrictEqual } from 'node:util'
import { finished } from '#lib/core/gently.ts'
import { classFromAnnotations } from '../rules.ts'
import { toolClasses } from '../schema/words.ts'
import { diffSchemas } from './schema-diff.ts'
import { marksOf, type TextMark, type TextWorld } from './text-marks.ts'
import { languagesOf, scriptsOf } from './text-normal.ts'
import { textsOf, type ToolText } from './tool-texts.ts'
import { finding, type ToolFinding } from './tool-findings.ts'

/** How a definition relates to the approved one; `suspended` until somebody has decided. */
export type ToolVerdict = 'new' | 'unchanged' | 'wording' | 'narrower' | 'suspended'

export type ToolDefinition = Record<string, unknown> & { name: string }
export type ToolChange = { verdict: ToolVerdict; findings: ToolFinding[] }

/** This much more text than was approved is no longer a matter of wording. */
const newCharactersMax = 600

/**
 * What a changed definition means: wording only, something narrower, or something that has to be decided. It is compared with the
 * definition that was approved, so that many small steps count as the one they make. Everything it does not understand suspends.
 */
export function classifyToolChange(before: ToolDefinition, after: ToolDefinition, world: TextWorld): ToolChange {
  return finished(classifyingToolChange(before, after, world))
}

/** The same, part by part: a long definition takes its time. */
export function* classifyingToolChange(
  before: ToolDefinition,
  after: ToolDefinition,
  world: TextWorld,
): Generator<void, ToolChange> {
  if (isDeepStrictEqual(before, after)) return { verdict: 'unchanged', findings: [] }
  const findings = [
    ...diffSchemas(before['inputSchema'], after['inputSchema'], '/inputSchema'),
    ...diffOutputs(before['outputSchema'], after['outputSchema']),
    ...diffAnnotations(recordOf(before['annotations']), recordOf(after['annotations'])),
    ...diffOtherParts(before, after),
    ...(yield* diffTexts(before, after, world)),
  ]
  const verdict = verdictOf(findings)
  if (findings.length > 0) return { verdict, findings }
  return { verdict, findings: [finding('wording', '', 'Only texts for readers differ.')] }
}

/** What a reviewer of a definition never seen before has to notice. */
export function inspectTool(definition: ToolDefinition, world: TextWorld): ToolFinding[] {
  return finished(inspectingTool(definition, world))
}

/** The same, text by text: a long definition takes its time. */
export function* inspectingTool(definition: ToolDefinition, world: TextWorld): Generator<void, ToolFinding[]> {
  const { texts, complete } = textsOf(definition)
  const marked: ToolFinding[] = []
  for (const { path, text } of texts) {
    marked.push(...marksOf(text, world).map((mark) => finding(mark.kind, path, mark.what)))
    yield
  }
  return unique([
    ...marked,
    ...confusions(definition, world),
    ...(complete ? [] : [finding('much_text', '', 'more text than is looked at')]),
  ])
}

function verdictOf(findings: readonly ToolFinding[]): ToolVerdict {
  if (findings.some(({ weight }) => weight === 'suspends')) return 'suspended'
  return findings.some(({ weight }) => weight === 'flags') ? 'narrower' : 'wording'
}

/** What a result looks like grants nothing; its texts are looked at like all others. */
function diffOutputs(before: unknown, after: unknown): ToolFinding[] {
  if (isDeepStrictEqual(before, after)) return []
  const note = before === undefined ? 'described now' : after === undefined ? 'no longer described' : null
  if (note) return [finding('output_changed', '/outputSchema', note)]
  const differences = diffSchemas(before, after, '/outputSchema')
  return differences.map(({ path, note }) => finding('output_changed', path, note))
}

/** What the MCP specification lets a client assume where a hint is missing. */
const hintDefaults = { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true }
const weakening: Record<string, boolean> = { idempotentHint: false, openWorldHint: true }

function diffAnnotations(before: Record<string, unknown>, after: Record<string, unknown>): ToolFinding[] {
  const found: ToolFinding[] = []
  const [left, right] = [classFromAnnotations(before), classFromAnnotations(after)]
  if (left !== right) {
    const raised = toolClasses.indexOf(right) > toolClasses.indexOf(left)
    found.push(finding(raised ? 'class_raised' : 'class_lowered', '/annotations', `${left} → ${right}`))
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (key === 'title' || isDeepStrictEqual(before[key], after[key])) continue
    const path = `/annotations/${key}`
    const missing = Object.hasOwn(hintDefaults, key) ? hintDefaults[key as keyof typeof hintDefaults] : undefined
    const [was, is] = [before[key] ?? missing, after[key] ?? missing]
    if (missing === undefined || typeof was !== 'boolean' || typeof is !== 'boolean') {
      found.push(finding('other_part', path, `${JSON.stringify(was) ?? 'none'} → ${JSON.stringify(is) ?? 'none'}`))
    } else if (was !== is) {
      const kind = weakening[key] === is ? 'annotation_weaker' : 'annotation_changed'
      found.push(finding(kind, path, `${was} → ${is}`))
    }
  }
  return found
}

const comparedParts = new Set(['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'])

/** Icons, execution, `_meta` and whatever comes: nothing is assumed of them. */
function diffOtherParts(before: ToolDefinition, after: ToolDefinition): ToolFinding[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((key) => !comparedParts.has(key) && !isDeepStrictEqual(before[key], after[key]))
    .map((key) => finding('other_part', `/${key}`, `${key} changed`))
}

/** Marks that the approved texts do not have, wherever they stood. */
function* diffTexts(before: ToolDefinition, after: ToolDefinition, world: TextWorld): Generator<void, ToolFinding[]> {
  const [left, right] = [textsOf(before), textsOf(after)]
  const known = new Map<string, number>()
  for (const { text } of left.texts) {
    for (const mark of marksOf(text, world)) known.set(keyOf(mark), (known.get(keyOf(mark)) ?? 0) + 1)
    yield
  }
  const found: ToolFinding[] = []
  for (const { path, text } of right.texts) {
    for (const mark of marksOf(text, world)) {
      const left = known.get(keyOf(mark)) ?? 0
      known.set(keyOf(mark), left - 1)
      if (left <= 0) found.push(finding(mark.kind, path, mark.what))
    }
    yield
  }
  const [was, is] = [joined(left.texts), joined(right.texts)]
  const scripts = [...scriptsOf(is)].filter((script) => !scriptsOf(was).has(script))
  const languages = [...languagesOf(is)].filter((language) => !languagesOf(was).has(language))
  if (languages.length > 0) found.push(finding('another_script', '', `written in ${languages.join(' or ')}`))
  if (scripts.length > 0)
    found.push(finding('another_script', '', `letters that were not there: ${scripts.join(', ')}`))
  if (!right.complete || is.length - was.length > newCharactersMax) {
    found.push(finding('much_text', '', `${is.length - was.length} more characters than were approved`))
  }
  const known_ = new Set(confusions(before, world).map(({ note }) => note))
  return unique([...found, ...confusions(after, world).filter(({ note }) => !known_.has(note))])
}

/** A name or title that people would take for another tool's. */
function confusions(definition: ToolDefinition, world: TextWorld): ToolFinding[] {
  const titles = [definition['title'], recordOf(definition['annotations'])['title']]
  const own = [definition.name, ...titles.filter((title) => typeof title === 'string')]
  return own.flatMap((name) =>
    world.otherTools.readingLike(name).map((other) => finding('confusable', '/title', `${name} reads like ${other}`)),
  )
}

function keyOf(mark: TextMark): string {
  return `${mark.kind} ${mark.what.toLowerCase()}`
}

function joined(texts: readonly ToolText[]): string {
  return texts.map(({ text }) => text).join('\n')
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function unique(findings: readonly ToolFinding[]): ToolFinding[] {
  const seen = new Set<string>()
  return findings.filter(({ kind, path, note }) => {
    const key = `${kind} ${path} ${note}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}
