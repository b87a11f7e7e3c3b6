import { headers } from 'next/headers'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { paths } from '#lib/core/paths.ts'
import { requestHeader } from '#lib/web/request-headers.ts'

export async function NotFound() {
  const requestId = (await headers()).get(requestHeader.id)
  return (
    <div className="mx-auto grid max-w-lg justify-items-start gap-3 px-4 py-16">
      {/* What named nothing has no metadata of its own; without a title a page cannot be told from others. */}
      <title>Not found · Wheelhouse</title>
      <h1 className="text-xl font-semibold">There is nothing here</h1>
      <p className="text-muted-foreground">
        The address may be misspelled, or what it named has never existed. Retired agents keep theirs.
      </p>
      {requestId && (
        <p className="text-[13px] text-muted-foreground">
          Request <code>{requestId}</code>
        </p>
      )}
      <div className="flex gap-2">
        <Button asChild variant="primary">
          <Link href={paths.home()}>Home</Link>
        </Button>
        <Button asChild>
          <Link href={paths.agents()}>Agents</Link>
        </Button>
      </div>
    </div>
  )
}
