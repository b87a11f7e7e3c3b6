import type { Instrumentation } from 'next'

export async function register(): Promise<void> {
  if (process.env['NEXT_RUNTIME'] !== 'nodejs') return
  const { boot } = await import('#lib/web/boot.ts')
  boot()
}

/** Errors of pages and layouts, with the id that the error page shows. */
export const onRequestError: Instrumentation.onRequestError = async (error, request) => {
  const { logPageError } = await import('#lib/web/page-error.ts')
  logPageError(error, request)
}
