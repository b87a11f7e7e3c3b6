'use client'

import { Field } from '#components/ui/field.tsx'
import { Input, Select, Textarea } from '#components/ui/input.tsx'
import { type ClientAuthMethod, clientAuthMethods } from '#lib/registry/schema.ts'
import type { Draft } from './credential-draft.ts'

type Props = {
  draft: Draft
  change: (part: Partial<Draft>) => void
  errorOf: (field: string) => string | undefined
  /** It is shown once and not kept: when it ends is nobody's business. */
  isTried?: boolean
  /** Where authorization servers send a person back to. */
  redirectUrl?: string
}

/** The fields of the kind that is chosen. */
export function CredentialFields(props: Props) {
  switch (props.draft.kind) {
    case 'bearer':
      return <Secrets {...props} fields={[['secret', 'Token', 'password']]} />
    case 'basic':
      return (
        <Secrets
          {...props}
          fields={[
            ['user', 'User', 'text'],
            ['secret', 'Password', 'password'],
          ]}
        />
      )
    case 'header':
      return (
        <Secrets
          {...props}
          fields={[
            ['headerName', 'Name of the header', 'text'],
            ['secret', 'Value', 'password'],
          ]}
        />
      )
    case 'mtls':
      return (
        <>
          <Pem {...props} name="certificate" label="Certificate" required />
          <Pem {...props} name="privateKey" label="Private key" required />
          <Pem {...props} name="ca" label="Issuer of the server’s certificate, if the system does not trust it" />
        </>
      )
    case 'oauth_client':
      return <OAuthClientFields {...props} />
    case 'oauth_enterprise':
      return <EnterpriseFields {...props} />
    case 'oauth_workload':
      return <WorkloadFields {...props} />
    case 'oauth_person':
      return (
        <>
          <p className="text-sm text-muted-foreground">
            You are sent to the authorization server that the MCP server names, and come back here. Without a client id
            the portal makes itself known there.
          </p>
          <Text
            {...props}
            name="clientId"
            label="Client id, if there is one"
            hint={`Register it there with the redirect address ${props.redirectUrl ?? ''}`}
          />
          <Text {...props} name="clientSecret" label="Client secret, if there is one" type="password" />
          <Text
            {...props}
            name="issuer"
            label="Authorization server, if you know it"
            hint="Its issuer: you are sent to no other. Needed with a client secret, and where it has an address inside and the MCP server has not."
          />
          <Text {...props} name="scope" label="Scopes, besides those the server asks for" />
        </>
      )
  }
}

function OAuthClientFields(props: Props) {
  const { draft, change } = props
  return (
    <>
      <Text {...props} name="clientId" label="Client id" required />
      <Field label="It authenticates with">
        <Select value={draft.method} onChange={(event) => change({ method: event.target.value as ClientAuthMethod })}>
          {clientAuthMethods.map((method) => (
            <option key={method}>{method}</option>
          ))}
        </Select>
      </Field>
      {draft.method === 'private_key_jwt' ? (
        <Pem {...props} name="privateKey" label="Private key" required />
      ) : (
        <Text {...props} name="clientSecret" label="Client secret" type="password" required />
      )}
      <Text {...props} name="scope" label="Scopes, besides those the server asks for" />
      <Issuer {...props} />
      <Text {...props} name="expires" label="Ends on, if that is known" type="date" />
    </>
  )
}

/** Who alone gets the secret: nothing that the MCP server says fills it in. */
function Issuer(props: Props) {
  return (
    <Text
      {...props}
      name="issuer"
      label="Authorization server"
      hint="Its issuer, as whoever gave you the client says it: nobody else is sent the secret. A probe of the address shows which one the MCP server names; compare them."
      required
    />
  )
}

function EnterpriseFields(props: Props) {
  return (
    <>
      <p className="text-sm text-muted-foreground">
        Your identity provider decides which tokens the platform gets for this server: it exchanges an identity that it
        knows for an assertion, and the server’s authorization server takes that.
      </p>
      <Text {...props} name="idpIssuer" label="Identity provider" required />
      <Text {...props} name="idpClientId" label="Client id at the identity provider" required />
      <Text
        {...props}
        name="idpClientSecret"
        label="Client secret at the identity provider, if there is one"
        type="password"
      />
      <Text {...props} name="refreshToken" label="Refresh token of the identity" type="password" />
      <Text {...props} name="idToken" label="Or an ID token, for as long as it goes" type="password" />
      <Text {...props} name="issuer" label="Authorization server of the MCP server" required />
      <Text {...props} name="clientId" label="Client id there" required />
      <Text {...props} name="clientSecret" label="Client secret there" type="password" required />
      <Text {...props} name="scope" label="Scopes, besides those the server asks for" />
    </>
  )
}

function WorkloadFields(props: Props) {
  return (
    <>
      <p className="text-sm text-muted-foreground">
        The server’s authorization server trusts an issuer of workload identities, and gives a token for a JWT about the
        platform. With a private key each JWT is signed for one request; without one give a JWT, which goes as long as
        it says.
      </p>
      <Text {...props} name="issuer" label="Authorization server of the MCP server" required />
      <Text {...props} name="clientId" label="Client id there" required />
      <Pem {...props} name="privateKey" label="Private key that signs for the workload" />
      {props.draft.privateKey ? (
        <>
          <Text {...props} name="workloadIssuer" label="Issuer of the workload’s identity" required />
          <Text {...props} name="subject" label="Workload, as the issuer calls it" required />
          <Text {...props} name="keyId" label="Key id, if the issuer has several" />
        </>
      ) : (
        <Text {...props} name="assertion" label="JWT of the workload" type="password" required />
      )}
      <Text {...props} name="scope" label="Scopes, besides those the server asks for" />
    </>
  )
}

type TextName = Exclude<keyof Draft, 'kind' | 'method'>

function Secrets({
  fields,
  ...props
}: Props & { fields: readonly (readonly [TextName, string, 'text' | 'password'])[] }) {
  return (
    <>
      {fields.map(([name, label, type]) => (
        <Text key={name} {...props} name={name} label={label} type={type} required />
      ))}
      <Text {...props} name="expires" label="Ends on, if that is known" type="date" />
    </>
  )
}

type TextProps = Props & { name: TextName; label: string; hint?: string; required?: boolean }

function Text({
  draft,
  change,
  errorOf,
  isTried,
  name,
  label,
  hint,
  required,
  type = 'text',
}: TextProps & { type?: string }) {
  if (isTried && name === 'expires') return null
  return (
    <Field
      label={label}
      {...(hint ? { hint } : {})}
      required={required ?? false}
      error={errorOf(name === 'expires' ? 'expiresAt' : name) ?? ''}
    >
      <Input
        type={type}
        value={draft[name]}
        autoComplete={type === 'password' ? 'new-password' : 'off'}
        onChange={(event) => change({ [name]: event.target.value })}
      />
    </Field>
  )
}

function Pem({ draft, change, errorOf, name, label, required }: TextProps) {
  return (
    <Field label={label} hint="In PEM." required={required ?? false} error={errorOf(name) ?? ''}>
      <Textarea
        value={draft[name]}
        rows={4}
        spellCheck={false}
        className="font-mono text-xs"
        onChange={(event) => change({ [name]: event.target.value })}
      />
    </Field>
  )
}
