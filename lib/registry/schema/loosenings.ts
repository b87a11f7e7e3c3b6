import { z } from 'zod'
import { assertNever } from '#lib/core/errors.ts'
import { boundaryWords, type ProcessBoundary } from '#lib/core/process-boundary.ts'
import type { PersonRef } from '../schema.ts'

/** The settings of a server that guard what it answers, how much is asked of it, or keep its processes apart, and of which a looser one waits for a second person. */
export const loosenedSettings = [
  'mask_secrets',
  'block_marked',
  'result_bytes',
  'result_depth',
  'calls_per_second',
  'call_deadline',
  'boundary',
] as const
export type LoosenedSetting = (typeof loosenedSettings)[number]

/** And the facts by which controls are chosen, of which a lower one does. */
export const loosenedFacts = ['environment', 'sensitivity', 'data_class', 'tool_class', ...loosenedSettings] as const
export type LoosenedFact = (typeof loosenedFacts)[number]

export function isSetting(what: LoosenedFact): what is LoosenedSetting {
  return loosenedSettings.some((each) => each === what)
}

export const looseningInput = z.strictObject({ looseningId: z.uuid() })
export type LooseningInput = z.infer<typeof looseningInput>

/** What is proposed and waits for a second person; until then what was before counts. */
export type LooseningView = {
  id: string
  server: { id: string; name: string }
  /** null: it is of the server. */
  tool: string | null
  what: LoosenedFact
  before: string
  /** null: the kind of data is not named any more. */
  after: string | null
  reason: string | null
  proposedBy: PersonRef
  proposedAt: string
  /** When it waits no more. */
  until: string
}

type Change = Pick<LooseningView, 'tool' | 'what' | 'before' | 'after'>

/** In words: what would be of what, for lists and buttons. */
export function looseningText({ tool, what, before, after }: Change): string {
  switch (what) {
    case 'data_class':
      return `no ${before.replaceAll('_', ' ')} data`
    case 'tool_class':
      return `${tool ?? 'a tool'} is ${after} instead of ${before}`
    case 'mask_secrets':
      return 'secrets in its results are not masked'
    case 'block_marked':
      return 'marked answers are passed on'
    case 'result_bytes':
      return `results of ${sizeText(after, 'bytes')} instead of ${sizeText(before, 'bytes')}`
    case 'result_depth':
      return `results of ${sizeText(after, 'levels')} instead of ${sizeText(before, 'levels')}`
    case 'calls_per_second':
      return `${paceText(after, 'calls a second')} instead of ${paceText(before, 'calls a second')}`
    case 'call_deadline':
      return `${paceText(after, 'seconds to answer a call')} instead of ${paceText(before, 'seconds to answer a call')}`
    case 'boundary':
      return `${boundaryOf(after)} instead of ${boundaryOf(before)}`
    case 'environment':
    case 'sensitivity':
      return `${what} ${after} instead of ${before}`
    default:
      return assertNever(what)
  }
}

/** In words: what counts until somebody else confirms it. */
export function countingText({ what, before }: Pick<Change, 'what' | 'before'>): string {
  if (what === 'mask_secrets') return 'secrets are masked'
  if (what === 'block_marked') return 'marked answers are refused'
  if (what === 'result_bytes') return `${sizeText(before, 'bytes')} count`
  if (what === 'result_depth') return `${sizeText(before, 'levels')} count`
  if (what === 'calls_per_second') return `${paceText(before, 'calls a second')} count`
  if (what === 'call_deadline') return `${paceText(before, 'seconds to answer a call')} count`
  if (what === 'boundary') return `there is ${boundaryOf(before)}`
  return `${before.replaceAll('_', ' ')} counts`
}

function boundaryOf(name: string | null): string {
  return boundaryWords[name as ProcessBoundary]
}

function sizeText(text: string | null, unit: 'bytes' | 'levels'): string {
  return text === null || text === unlimitedHere
    ? `as many ${unit} as of any server`
    : `${Number(text).toLocaleString('en')} ${unit}`
}

function paceText(text: string | null, unit: string): string {
  return text === null || text === unlimitedHere
    ? `as many ${unit} as any server has`
    : `${Number(text).toLocaleString('en')} ${unit}`
}

/** How a proposal says that the server has no limit of its own of something. */
export const unlimitedHere = 'default'
