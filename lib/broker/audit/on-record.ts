import { AuditUnavailable } from './group-commit.ts'

/** What a note of a refusal says when it is durable; null when it cannot be: then the refusal is not told either. */
export async function onRecord<T>(note: Promise<T>): Promise<T | null> {
  try {
    return await note
  } catch (error) {
    if (error instanceof AuditUnavailable) return null
    throw error
  }
}
