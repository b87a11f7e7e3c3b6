/** Whether it has fields by name, as a JSON object has: an array and null have not. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
