import { notFound } from 'next/navigation'
import { DomainError } from '#lib/core/errors.ts'

/** Waits for what a page shows; what does not exist becomes the not-found page. */
export async function orNotFound<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof DomainError && error.code === 'not_found') notFound()
    throw error
  }
}
