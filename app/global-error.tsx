'use client'

/** Shown when even the frame of the page failed, so it stands on nothing but HTML. */
export default function GlobalError({ error }: { error: Error & { digest?: string } }) {
  return (
    <html lang="en">
      <body>
        <main>
          <h1>Wheelhouse could not be shown</h1>
          <p>Something went wrong on our side and was written down. Load the page again.</p>
          {error.digest && (
            <p>
              Reference <code>{error.digest}</code>
            </p>
          )}
        </main>
      </body>
    </html>
  )
}
