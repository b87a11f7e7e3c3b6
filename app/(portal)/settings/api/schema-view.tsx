import { plural } from '#components/ui/count.ts'
import type { oas31 } from 'zod-openapi'
import type { OpenApiDocument } from '#lib/api/openapi.ts'

type Schema = oas31.SchemaObject | oas31.ReferenceObject
/** `marks`: what is worth a word of a field: what has to be sent, or what may be missing in an answer. */
type Place = { document: OpenApiDocument; schema: Schema; marks: 'required' | 'optional'; seen?: readonly string[] }

const nothing: readonly string[] = []

/** The fields of a JSON schema, one level at a time; what is below opens at a click. */
export function SchemaView({ document, schema, marks, seen = nothing }: Place) {
  const { name, shape } = resolved(document, schema)
  if (name && seen.includes(name)) return <p className="text-muted-foreground">{name} again</p>
  const below = name ? [...seen, name] : seen
  const choices = shape.anyOf ?? shape.oneOf
  if (choices) {
    return (
      <ul className="grid gap-2">
        {choices.map((choice, at) => (
          // The order of a schema's choices is all that names them.
          // oxlint-disable-next-line react/no-array-index-key
          <li key={at} className="rounded-md border p-2">
            <p className="text-muted-foreground">{at === 0 ? 'Either' : 'Or'}</p>
            <SchemaView document={document} schema={choice} marks={marks} seen={below} />
          </li>
        ))}
      </ul>
    )
  }
  if (!shape.properties) return <p>{typeWords(document, shape)}</p>
  const required = new Set(shape.required ?? [])
  return (
    <ul className="grid gap-1.5">
      {Object.entries(shape.properties).map(([field, child]) => (
        <FieldView
          key={field}
          field={field}
          required={required.has(field)}
          place={{ document, schema: child, marks, seen: below }}
        />
      ))}
    </ul>
  )
}

function FieldView({ field, required, place }: { field: string; required: boolean; place: Place }) {
  const { shape } = resolved(place.document, place.schema)
  const inner = innerOf(place.document, place.schema)
  const line = (
    <>
      <code className="font-medium">{field}</code>{' '}
      <span className="text-muted-foreground">{typeWords(place.document, place.schema)}</span>
      {required === (place.marks === 'required') && <span className="text-muted-foreground">, {place.marks}</span>}
      {shape.description && <span className="text-muted-foreground">. {shape.description}</span>}
    </>
  )
  if (!inner) return <li className="break-words">{line}</li>
  return (
    <li>
      <details>
        <summary className="cursor-pointer break-words">{line}</summary>
        <div className="mt-1.5 ml-1.5 border-l pl-3">
          <SchemaView {...place} schema={inner} />
        </div>
      </details>
    </li>
  )
}

/** What a field holds that has fields of its own: an object, or the items of a list. */
function innerOf(document: OpenApiDocument, schema: Schema): Schema | null {
  const { shape } = resolved(document, schema)
  if (shape.properties || shape.oneOf) return schema
  const choices = shape.anyOf?.filter((choice) => !isNull(choice))
  if (choices?.length === 1) return innerOf(document, choices[0]!)
  if (choices) return choices.some((choice) => innerOf(document, choice)) ? schema : null
  return shape.items ? innerOf(document, shape.items) : null
}

function typeWords(document: OpenApiDocument, schema: Schema): string {
  const { name, shape } = resolved(document, schema)
  if (shape.const !== undefined) return JSON.stringify(shape.const)
  if (shape.enum) return shape.enum.map((value) => JSON.stringify(value)).join(' | ')
  const choices = shape.anyOf ?? shape.oneOf
  if (choices) return [...new Set(choices.map((choice) => typeWords(document, choice)))].join(' or ')
  const types = Array.isArray(shape.type) ? shape.type : [shape.type ?? 'any']
  return types.map((type) => oneType(document, { type, name, shape })).join(' or ')
}

function oneType(
  document: OpenApiDocument,
  { type, name, shape }: { type: string; name: string | null; shape: oas31.SchemaObject },
): string {
  if (type === 'array') return `list of ${shape.items ? typeWords(document, shape.items) : 'any'}`
  if (type === 'object') return name ?? 'object'
  const bounds = [shape.minimum, shape.maximum].map((bound) => (bound === undefined ? '' : String(bound)))
  const range = bounds.some(Boolean) ? ` ${bounds[0]}…${bounds[1]}` : ''
  const length = shape.maxLength === undefined ? '' : ` of at most ${plural(shape.maxLength, 'character')}`
  const preset: unknown = shape.default
  return `${type}${shape.format ? ` (${shape.format})` : ''}${range}${length}${preset === undefined ? '' : `, default ${JSON.stringify(preset)}`}`
}

function isNull(schema: Schema): boolean {
  return 'type' in schema && schema.type === 'null'
}

function resolved(document: OpenApiDocument, schema: Schema): { name: string | null; shape: oas31.SchemaObject } {
  if (!('$ref' in schema) || typeof schema.$ref !== 'string') return { name: null, shape: schema as oas31.SchemaObject }
  const name = schema.$ref.split('/').at(-1) ?? ''
  return { name, shape: resolved(document, document.components?.schemas?.[name] ?? {}).shape }
}
