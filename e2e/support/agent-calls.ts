import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect } from '@playwright/test'
import { adminApi, portal, post } from './api.ts'

const broker = `http://localhost:${process.env['WHEELHOUSE_BROKER_PORT'] ?? 7400}`

type Credential = { clientId: string; clientSecret: string }

/** What a team does whose agent runs elsewhere: asks the API for a credential of its registered agent. */
export async function credentialOf(agentId: string): Promise<Credential> {
  const api = await adminApi()
  const credential = await post<Credential>(api, `/agents/${agentId}/credentials`, {})
  await api.dispose()
  return credential
}

export function requestToken({ clientId, clientSecret }: Credential): Promise<Response> {
  return fetch(`${portal}/api/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      resource: `${broker}/mcp`,
    }),
  })
}

export async function tokenOf(credential: Credential): Promise<string> {
  const response = await requestToken(credential)
  expect(response.status, await response.clone().text()).toBe(200)
  return ((await response.json()) as { access_token: string }).access_token
}

/** Calls a tool as an agent would, of the invoices server unless another is named; a refusal of the connection or of the call is told as such. */
export async function callTool(
  token: string,
  name: string,
  args: Record<string, unknown>,
  server = 'invoices',
): Promise<{ refused: boolean; text: string }> {
  const client = new Client({ name: 'journey', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL(`${broker}/mcp/${server}`), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  })
  try {
    await client.connect(transport)
    const result = await client.callTool({ name, arguments: args })
    return { refused: result.isError === true, text: JSON.stringify(result) }
  } catch (error) {
    return { refused: true, text: `${String(error)} ${JSON.stringify(error)}` }
  } finally {
    await client.close().catch(() => {})
  }
}
