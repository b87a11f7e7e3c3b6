import { Script } from 'node:vm'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv'
import { isRecord } from '#lib/core/is-record.ts'

const checkMs = 2000
const checking = new Script('check()')

/**
 * Why arguments do not fit the input schema of a tool, in words; null when they fit. The schema is the server's own, so whatever time its patterns and
 * references would take, checking ends after two seconds: what was not found to fit by then does not.
 */
export function argumentsProblem(schema: unknown, given: Record<string, unknown>): string | null {
  let problem: string | null = null
  const check = (): void => {
    const validate = new AjvJsonSchemaValidator().getValidator(schema as Record<string, unknown>)
    const outcome = validate(given)
    problem = outcome.valid ? null : `${outcome.errorMessage}${unknownNames(schema, given)}`
  }
  try {
    checking.runInNewContext({ check }, { timeout: checkMs })
    return problem
  } catch (error) {
    const isLate = (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
    return isLate
      ? 'checking them by the input schema of the tool takes too long (its server should mend it), so nobody knows whether they fit'
      : 'the input schema of the tool cannot be read, so nobody knows what fits'
  }
}

/** The validator says that there are too many, not which. */
function unknownNames(schema: unknown, given: Record<string, unknown>): string {
  if (!isRecord(schema) || schema['additionalProperties'] !== false) return ''
  const known = isRecord(schema['properties']) ? schema['properties'] : {}
  const patterns = isRecord(schema['patternProperties']) ? schema['patternProperties'] : {}
  const unknown = Object.keys(patterns).length > 0 ? [] : Object.keys(given).filter((key) => !Object.hasOwn(known, key))
  return unknown.length === 0 ? '' : `; it knows no ${unknown.slice(0, 5).join(', ')}`
}
