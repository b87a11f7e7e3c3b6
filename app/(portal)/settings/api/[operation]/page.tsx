import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import type { oas31 } from 'zod-openapi'
import { Card } from '#components/ui/card.tsx'
import { CopyButton } from '#components/ui/copy-button.client.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { type OpenApiDocument, openApiDocument } from '#lib/api/openapi.ts'
import { curlOf, operationsOf, type OperationView } from '#lib/api/openapi/read.ts'
import { isPermission, roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { portal } from '#lib/web/db.ts'
import { Method } from '../method.tsx'
import { SchemaView } from '../schema-view.tsx'

type Props = { params: Promise<{ operation: string }> }

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { operation } = await found(params)
  return { title: `${operation.method} ${operation.path}` }
}

/** One endpoint: what it needs, takes and answers, and how it is called. */
export default async function ApiOperationPage({ params }: Props) {
  await currentCtx()
  const { document, operation } = await found(params)
  const { method, path, summary, permission } = operation
  const curl = curlOf(operation)
  const responses = Object.entries<Response>(operation.operation.responses ?? {})
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.apiReference(), label: 'API reference' }]}
        title={<span className="font-mono text-lg">{path}</span>}
        badges={<Method name={method} />}
        description={`${summary}. ${needs(permission)}`}
      />
      <div className="grid gap-4">
        <Card title="Call it" actions={<CopyButton text={curl} what="the command" />}>
          <pre className="overflow-x-auto text-[13px]" tabIndex={0} aria-label="Command">
            {curl}
          </pre>
        </Card>
        <Parameters operation={operation} document={document} />
        <Body operation={operation} document={document} />
        {responses
          .filter(([status]) => status < '400')
          .map(([status, response]) => (
            <Answer key={status} status={status} response={response} document={document} />
          ))}
        <Refusals responses={responses.filter(([status]) => status >= '400')} document={document} />
      </div>
    </>
  )
}

function Parameters({ operation, document }: { operation: OperationView; document: OpenApiDocument }) {
  const parameters = (operation.operation.parameters ?? []).map((parameter) => resolved(document, parameter))
  if (parameters.length === 0) return null
  return (
    <Card title="Parameters">
      <ul className="grid gap-2 text-[13px]">
        {parameters.map((parameter) => (
          <li key={`${parameter.in} ${parameter.name}`} className="grid gap-x-3 sm:grid-cols-[12rem_minmax(0,1fr)]">
            <span className="break-words">
              <code className="font-medium">{parameter.name}</code>{' '}
              <span className="text-muted-foreground">
                in {parameter.in}
                {parameter.required && ', required'}
              </span>
            </span>
            <div className="min-w-0 break-words">
              {parameter.schema && <SchemaView document={document} schema={parameter.schema} marks="required" />}
              {parameter.description && <p className="text-muted-foreground">{parameter.description}</p>}
            </div>
          </li>
        ))}
      </ul>
    </Card>
  )
}

function Body({ operation, document }: { operation: OperationView; document: OpenApiDocument }) {
  const { requestBody } = operation.operation
  if (!requestBody || !('content' in requestBody)) return null
  return (
    <Card title="Body">
      <Content content={requestBody.content} document={document} marks="required" />
    </Card>
  )
}

type Response = oas31.ResponseObject | oas31.ReferenceObject

function Answer({ status, response, document }: { status: string; response: Response; document: OpenApiDocument }) {
  const { description, headers, content } = resolved(document, response)
  const names = Object.keys(headers ?? {})
  return (
    <Card
      title={`${status}: ${description}`}
      {...(names.length > 0 ? { description: `Headers: ${names.join(', ')}` } : {})}
    >
      {content ? (
        <Content content={content} document={document} marks="optional" />
      ) : (
        <p className="text-[13px]">Without a body.</p>
      )}
    </Card>
  )
}

function Refusals({ responses, document }: { responses: [string, Response][]; document: OpenApiDocument }) {
  return (
    <Card title="Refusals" description="Each is a problem (RFC 9457).">
      <ul className="mb-3 grid gap-1 text-[13px]">
        {responses.map(([status, response]) => (
          <li key={status}>
            <code className="font-medium">{status}</code>{' '}
            <span className="text-muted-foreground">
              {resolved(document, response).description.replaceAll('`', '')}
            </span>
          </li>
        ))}
      </ul>
      <Content
        content={{ 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }}
        document={document}
        marks="optional"
      />
    </Card>
  )
}

type ContentProps = { content: oas31.ContentObject; document: OpenApiDocument; marks: 'required' | 'optional' }

function Content({ content, document, marks }: ContentProps) {
  return Object.entries(content).map(([media, { schema }]) => (
    <div key={media} className="text-[13px]">
      <p className="mb-2 text-muted-foreground">
        <code>{media}</code>
      </p>
      {schema && <SchemaView document={document} schema={schema} marks={marks} />}
    </div>
  ))
}

function needs(permission: string | null): string {
  if (permission === null) return 'For everybody who is signed in.'
  const roles = isPermission(permission) ? rolesWith(permission).map(roleLabel).join(', ') : ''
  return `Needs ${permission}, which comes with: ${roles}.`
}

async function found(params: Props['params']): Promise<{ document: OpenApiDocument; operation: OperationView }> {
  const id = decodeURIComponent((await params).operation)
  const document = openApiDocument({ url: portal().config.url })
  const operation = operationsOf(document).find((candidate) => candidate.id === id)
  return operation ? { document, operation } : notFound()
}

type Referable = oas31.ParameterObject | oas31.ResponseObject

/** What a reference into the document's components stands for. */
function resolved<T extends Referable>(document: OpenApiDocument, thing: T | oas31.ReferenceObject): T {
  if (!('$ref' in thing) || typeof thing.$ref !== 'string') return thing as T
  const path = thing.$ref.split('/').slice(1)
  return path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document) as T
}
