import { type ProcessBoundary, processBoundaries } from '#lib/core/process-boundary.ts'
import { type LoosenedSetting, loosenedSettings, unlimitedHere } from '../schema/loosenings.ts'
import type { Loosened } from './loosenings.ts'

/** What guards the answers of a server, and who may share a process of it. Of the sizes null is the broker's own, which no server may have more than. */
export type GuardingSettings = {
  maskSecrets: boolean
  blockMarked: boolean
  resultBytesMax: number | null
  resultDepthMax: number | null
  boundary: ProcessBoundary
}
type Column = keyof GuardingSettings
type Value = GuardingSettings[Column]

const columns = {
  mask_secrets: 'maskSecrets',
  block_marked: 'blockMarked',
  result_bytes: 'resultBytesMax',
  result_depth: 'resultDepthMax',
  boundary: 'boundary',
} as const satisfies Record<LoosenedSetting, Column>

export function columnOf(setting: LoosenedSetting): Column {
  return columns[setting]
}

/** What of a change of a server's settings loosens them, one by one. */
export function looserSettings(
  before: GuardingSettings,
  wanted: Partial<GuardingSettings>,
): Loosened<LoosenedSetting>[] {
  return namedIn(wanted)
    .filter((what) => isLooser(before[columns[what]], wanted[columns[what]] as Value))
    .map((what) => ({ what, before: textOf(before[columns[what]]), after: textOf(wanted[columns[what]] as Value) }))
}

/** Of which settings a change says anything. */
export function namedIn(wanted: Partial<GuardingSettings>): LoosenedSetting[] {
  return loosenedSettings.filter((what) => wanted[columns[what]] !== undefined)
}

/** As a proposal keeps it. */
export function textOf(value: Value): string {
  if (value === null) return unlimitedHere
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value)
}

/** What a proposal has kept of a setting. */
export function valueOf(setting: LoosenedSetting, text: string): Value {
  if (setting === 'boundary') return text as ProcessBoundary
  if (setting === 'mask_secrets' || setting === 'block_marked') return text === 'on'
  return text === unlimitedHere ? null : Number(text)
}

function isLooser(before: Value, after: Value): boolean {
  if (typeof before === 'boolean') return before && after === false
  if (typeof before === 'string') return boundaryOrder(after) < boundaryOrder(before)
  return before !== null && (after === null || Number(after) > before)
}

/** From shared by everybody to one's own. */
function boundaryOrder(value: Value): number {
  return processBoundaries.findIndex((each) => each === value)
}
