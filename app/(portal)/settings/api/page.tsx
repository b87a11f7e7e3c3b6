import type { Metadata } from 'next'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Input } from '#components/ui/input.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { openApiDocument } from '#lib/api/openapi.ts'
import { operationsOf, type OperationView } from '#lib/api/openapi/read.ts'
import { paths } from '#lib/core/paths.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { portal } from '#lib/web/db.ts'
import type { SearchParams } from '#lib/web/search.ts'
import { Method } from './method.tsx'

export const metadata: Metadata = { title: 'API reference' }

/** Every endpoint of the REST API, from the OpenAPI document that programs read, too. */
export default async function ApiReferencePage({ searchParams }: { searchParams: SearchParams }) {
  await currentCtx()
  const { q } = await searchParams
  const query = typeof q === 'string' ? q.trim() : ''
  const document = openApiDocument({ url: portal().config.url })
  const found = operationsOf(document).filter((operation) => matches(operation, query))
  const topics = (document.tags ?? [])
    .map((tag) => ({ ...tag, operations: found.filter(({ topic }) => topic === tag.name) }))
    .filter(({ operations }) => operations.length > 0)
  return (
    <>
      <PageHeader
        title="API reference"
        description={
          <>
            Everything the pages do, under <code>/api/v1</code>, with{' '}
            <Link href={paths.tokens()} className="text-accent underline">
              an access token
            </Link>
            . The command line uses the same endpoints.
          </>
        }
        actions={
          <Button asChild>
            <a href={paths.openApi()}>OpenAPI 3.1</a>
          </Button>
        }
      />
      <FilterForm action={paths.apiReference()} label="Search endpoints">
        <Input
          type="search"
          name="q"
          defaultValue={query}
          aria-label="Words of an endpoint"
          placeholder="Path, words or permission"
          className="w-full sm:w-80"
        />
      </FilterForm>
      {topics.length === 0 ? (
        <EmptyState title="No endpoint has these words">
          <Link href={paths.apiReference()}>Show all of them.</Link>
        </EmptyState>
      ) : (
        <div className="grid gap-4">
          {topics.map(({ name, description, operations }) => (
            <Card key={name} title={titleOf(name)} description={description} flush>
              <ul className="divide-y text-[13px]">
                {operations.map((operation) => (
                  <Endpoint key={operation.id} operation={operation} />
                ))}
              </ul>
            </Card>
          ))}
        </div>
      )}
    </>
  )
}

function Endpoint({ operation: { id, method, path, summary } }: { operation: OperationView }) {
  return (
    <li className="relative grid gap-x-3 gap-y-1 px-4 py-2 hover:bg-surface md:grid-cols-[auto_minmax(0,22rem)_minmax(0,1fr)]">
      <span>
        <Method name={method} />
      </span>
      <Link
        href={paths.apiOperation(id)}
        prefetch={false}
        className="font-mono break-words after:absolute after:inset-0 hover:underline"
      >
        {path.replace('/api/v1', '')}
      </Link>
      <span className="text-muted-foreground">{summary}</span>
    </li>
  )
}

function titleOf(topic: string): string {
  return topic.slice(0, 1).toUpperCase() + topic.slice(1)
}

function matches({ id, method, path, summary, permission }: OperationView, query: string): boolean {
  const text = `${id} ${method} ${path} ${summary} ${permission ?? ''}`.toLowerCase()
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}
