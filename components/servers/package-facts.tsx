import { plural } from '#components/ui/count.ts'
import { Fact } from '#components/ui/facts.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { PackageFacts as Found } from '#lib/registry/schema/packages.ts'
import type { PackageReference } from '#lib/registry/schema/transport.ts'

type Props = {
  package: PackageReference
  /** What fetching it found; null: that is forgotten. */
  facts: Found | null
  fetchedAt?: string | undefined
}

/** Which package a server is started from, and what was fetched of it. */
export function PackageFacts({ package: { name, version, integrity }, facts, fetchedAt }: Props) {
  return (
    <>
      <Fact label="Package">
        <code className="break-all">
          {name}@{version}
        </code>
      </Fact>
      <Fact label="Integrity">
        <code className="text-xs break-all">{integrity}</code>
      </Fact>
      {facts && <FetchedFacts facts={facts} fetchedAt={fetchedAt} />}
    </>
  )
}

/** What fetching a package found. */
export function FetchedFacts({ facts, fetchedAt }: { facts: Found; fetchedAt?: string | undefined }) {
  return (
    <>
      <Fact label="Fetched">
        {fetchedAt && (
          <>
            <Time value={fetchedAt} />,{' '}
          </>
        )}
        {plural(facts.packages, 'package')}, {Math.ceil(facts.bytes / 1024)} kB
      </Fact>
      {facts.scripts.length > 0 && (
        <Fact label="Scripts not run">
          <span className="break-words">Install scripts of {facts.scripts.join(', ')}.</span>
        </Fact>
      )}
    </>
  )
}
