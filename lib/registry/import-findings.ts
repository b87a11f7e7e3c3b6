import { CsvError, type Info, parse as parseCsv } from 'csv-parse/sync'
import { isSeq, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { type ImportedFinding, importedFinding, type ImportProblem } from './schema/unregistered.ts'
import { jsonFault } from '#lib/core/json-fault.ts'

/** The largest import, in characters and rows. */
export const importCharactersMax = 1_000_000
const rowsMax = 5000
const problemsMax = 100

type Read = { findings: ImportedFinding[]; problems: ImportProblem[] }
type Line = { line: number; value: unknown }

/** Reads findings as CSV (with a header) or JSON (an array of objects); every problem with its line. */
export function readFindings(text: string, format: 'csv' | 'json'): Read {
  if (text.length > importCharactersMax) return refused(1, `The file has more than ${importCharactersMax} characters.`)
  const lines = format === 'csv' ? csvLines(text) : jsonLines(text)
  if ('problems' in lines) return lines
  if (lines.length === 0) return refused(1, 'The file holds no finding.')
  if (lines.length > rowsMax)
    return refused(1, `The file holds ${lines.length} findings; at most ${rowsMax} are taken at once.`)
  const read: Read = { findings: [], problems: [] }
  const firstLine = new Map<string, number>()
  for (const { line, value } of lines) {
    const parsed = importedFinding.safeParse(value)
    if (!parsed.success) {
      const message = parsed.error.issues.map(issueText).join(' ')
      read.problems.push({ line, message })
      continue
    }
    const before = firstLine.get(parsed.data.key)
    if (before === undefined) firstLine.set(parsed.data.key, line)
    else
      read.problems.push({ line, message: `The key ${JSON.stringify(parsed.data.key)} is on line ${before} already.` })
    read.findings.push(parsed.data)
  }
  return { ...read, problems: read.problems.slice(0, problemsMax) }
}

function csvLines(text: string): Line[] | Read {
  try {
    const options = { columns: true, bom: true, trim: true, skip_empty_lines: true, info: true } as const
    const records = parseCsv(text, options) as unknown as { record: Record<string, string>; info: Info }[]
    return records.map(({ record, info }) => ({
      line: info.lines,
      value: Object.fromEntries(Object.entries(record).filter(([, value]) => value !== '')),
    }))
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const { lines } = error as { lines?: unknown }
    return refused(typeof lines === 'number' ? lines : 1, error.message)
  }
}

/** JSON is YAML, so the reader that knows lines reads it; what is YAML only is refused first. */
function jsonLines(text: string): Line[] | Read {
  try {
    JSON.parse(text)
  } catch {
    const { line, column, message } = jsonFault(text) ?? { line: 1, column: 1, message: 'It is nested too deeply.' }
    return refused(line, `It is not JSON, at column ${column}: ${message}`)
  }
  const lineCounter = new LineCounter()
  try {
    const document = parseDocument(text, {
      lineCounter,
      schema: 'json',
      prettyErrors: false,
      logLevel: 'silent',
      uniqueKeys: false,
    })
    if (!isSeq(document.contents)) return refused(1, 'Write an array of objects.')
    return document.contents.items.map((item) => {
      const range = (item as { range?: [number, number, number] }).range
      return { line: lineCounter.linePos(range?.[0] ?? 0).line, value: (item as { toJSON(): unknown }).toJSON() }
    })
  } catch (error) {
    if (error instanceof RangeError) return refused(1, 'The file is nested too deeply.')
    throw error
  }
}

function issueText({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join('.')}: ${message}`
}

function refused(line: number, message: string): Read {
  return { findings: [], problems: [{ line, message }] }
}
