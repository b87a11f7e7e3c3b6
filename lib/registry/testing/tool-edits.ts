import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { ToolNames } from '../rules/other-tools.ts'
import { classifyToolChange, type ToolDefinition, type ToolVerdict } from '../rules/tool-change.ts'
import type { ToolFinding } from '../rules/tool-findings.ts'

const file = z.strictObject({
  otherTools: z.array(z.string()),
  tools: z.record(z.string(), z.looseObject({ name: z.string() })),
  cases: z.array(
    z.strictObject({
      id: z.string(),
      before: z.string(),
      /** JSON pointer → value. */
      set: z.record(z.string(), z.unknown()).default({}),
      remove: z.array(z.string()).default([]),
      expect: z.enum(['wording', 'narrower', 'suspended']),
      malicious: z.boolean(),
      note: z.string(),
    }),
  ),
})

export type ToolEdit = {
  id: string
  note: string
  before: ToolDefinition
  after: ToolDefinition
  otherTools: string[]
  expect: ToolVerdict
  malicious: boolean
}
export type JudgedEdit = ToolEdit & { verdict: ToolVerdict; findings: ToolFinding[] }

/** The edits of one half of the corpus, with the definitions before and after. */
export function readToolEdits(half: 'tuning' | 'held-out'): ToolEdit[] {
  const text = readFileSync(join(import.meta.dirname, `tool-edits.${half}.yaml`), 'utf8')
  const { tools, otherTools, cases } = file.parse(parse(text))
  return cases.map(({ id, note, before: name, set, remove, expect, malicious }) => {
    const before = tools[name]
    if (!before) throw new Error(`${id}: there is no tool ${name}`)
    const after = structuredClone(before)
    for (const [path, value] of Object.entries(set)) put(after, path, value)
    for (const path of remove) put(after, path, undefined)
    return { id, note, before, after, otherTools, expect, malicious }
  })
}

export function judge(edit: ToolEdit): JudgedEdit {
  return {
    ...edit,
    ...classifyToolChange(edit.before, edit.after, {
      otherTools: new ToolNames(edit.otherTools).except(edit.before.name),
    }),
  }
}

/** How well `suspended` is told, and how far the classes agree. */
export function scoreOf(edits: readonly JudgedEdit[]) {
  const count = (test: (edit: JudgedEdit) => boolean) => edits.filter(test).length
  const right = count((edit) => edit.verdict === 'suspended' && edit.expect === 'suspended')
  const malicious = count((edit) => edit.malicious)
  const harmless = count((edit) => edit.expect !== 'suspended')
  return {
    edits: edits.length,
    malicious,
    precision: right / count((edit) => edit.verdict === 'suspended'),
    recall: right / count((edit) => edit.expect === 'suspended'),
    maliciousRecall: count((edit) => edit.malicious && edit.verdict === 'suspended') / malicious,
    falsePositiveRate: count((edit) => edit.expect !== 'suspended' && edit.verdict === 'suspended') / harmless,
    exact: count((edit) => edit.verdict === edit.expect) / edits.length,
  }
}

function put(root: Record<string, unknown>, path: string, value: unknown): void {
  const names = path.slice(1).split('/')
  const last = names.pop()!
  let node = root
  for (const name of names) node = (node[name] ??= {}) as Record<string, unknown>
  if (value === undefined) Reflect.deleteProperty(node, last)
  else node[last] = value
}
