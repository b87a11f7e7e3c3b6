import { exactTime } from '#components/ui/time.ts'
import { formatMicros } from '#lib/core/money.ts'
import { unreachedTexts } from '#lib/registry/schema/reach-text.ts'

/** A field's value in words. */
export function valueText(value: unknown, field = ''): string {
  if (value === null || value === '') return '–'
  if (field === 'monthly_budget' && (typeof value === 'string' || typeof value === 'number')) {
    return formatMicros(BigInt(value))
  }
  if (typeof value === 'string') return instant.test(value) ? exactTime(new Date(value)) : value
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(', ') || '–'
  if (field === 'unreached' && Array.isArray(value)) return unreachedTexts(value).join('; ')
  if (JSON.stringify(value) === '{}') return 'none'
  return JSON.stringify(value)
}

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/
