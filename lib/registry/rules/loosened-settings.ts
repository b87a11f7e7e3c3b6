import { type ProcessBoundary, processBoundaries } from '#lib/core/process-boundary.ts'
import { type LoosenedSetting, loosenedSettings, unlimitedHere } from '../schema/loosenings.ts'
import type { Loosened } from './loosenings.ts'

/** What guards the answers of a server, how much is asked of it, and who may share a process of it. Of the sizes null is the broker's own, which no server may have more than; of the pace it is what holds for any server. */
export type GuardingSettings = {
  maskSecrets: boolean
  blockMarked: boolean
  resultBytesMax: number | null
  resultDepthMax: number | null
  callsPerSecond: number | null
  callDeadlineSeconds: number | null
  boundary: ProcessBoundary
}
/** The pace of a server that has none of its own; 0 calls a second: without a limit. */
export type StandardPace = { callsPerSecond: number; callDeadlineSeconds: number }

type Column = keyof GuardingSettings
type Value = GuardingSettings[Column]

const columns = {
  mask_secrets: 'maskSecrets',
  block_marked: 'blockMarked',
  result_bytes: 'resultBytesMax',
  result_depth: 'resultDepthMax',
  calls_per_second: 'callsPerSecond',
  call_deadline: 'callDeadlineSeconds',
  boundary: 'boundary',
} as const satisfies Record<LoosenedSetting, Column>

export function columnOf(setting: LoosenedSetting): Column {
  return columns[setting]
}

/** What of a change of a server's settings loosens them, one by one. Where the pace of any server is not known, going from it or back to it counts as looser. */
export function looserSettings(
  before: GuardingSettings,
  wanted: Partial<GuardingSettings>,
  standard: StandardPace | null,
): Loosened<LoosenedSetting>[] {
  return namedIn(wanted)
    .filter((what) => {
      const [now, next] = [before[columns[what]], wanted[columns[what]] as Value]
      if (what !== 'calls_per_second' && what !== 'call_deadline') return isLooser(now, next)
      return isFaster(now as Pace, next as Pace, standard?.[columns[what]])
    })
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

type Pace = number | null

function isFaster(before: Pace, after: Pace, standard: number | undefined): boolean {
  if (before === after) return false
  const effective = (pace: Pace) => (pace ?? standard) || Infinity
  if (standard === undefined && (before === null || after === null)) return true
  return effective(after) > effective(before)
}

/** From shared by everybody to one's own. */
function boundaryOrder(value: Value): number {
  return processBoundaries.findIndex((each) => each === value)
}
