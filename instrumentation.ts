import type { Instrumentation } from 'next'

// The check is written so that the build leaves the imports out of the runtime without Node.
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === 'nodejs') {
    const { boot } = await import('#lib/web/boot.ts')
    await boot()
  }
}

/** Errors of pages and layouts, with the id that the error page shows. */
export const onRequestError: Instrumentation.onRequestError = async (error, request) => {
  if (process.env.NEXT_RUNTIME === 'nodejs') {
    const { logPageError } = await import('#lib/web/page-error.ts')
    logPageError(error, request)
  }
}
