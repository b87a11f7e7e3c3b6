import type { ToolSpecs } from './tool.ts'
import { billingTools } from './tools/billing-db.ts'
import { crmTools } from './tools/crm.ts'
import { deploysTools } from './tools/deploys.ts'
import { erpTools } from './tools/erp.ts'
import { invoicesTools } from './tools/invoices.ts'
import { ticketsTools } from './tools/tickets.ts'

/** What the registry is told about a demo server. Its address is the base port of the demo servers plus the offset, at `/mcp`. */
export type DemoServerEntry<T extends ToolSpecs = ToolSpecs> = {
  id: string
  name: string
  description: string
  environment: 'development' | 'staging' | 'production'
  sensitivity: 'public' | 'internal' | 'confidential' | 'restricted'
  dataClasses: readonly ('personal' | 'financial' | 'health' | 'source_code' | 'credentials')[]
  portOffset: number
  tools: T
}

export const demoServers = {
  invoices: {
    id: 'invoices',
    name: 'Invoices',
    description: 'Supplier invoices as they arrived',
    environment: 'staging',
    sensitivity: 'confidential',
    dataClasses: ['financial'],
    portOffset: 0,
    tools: invoicesTools,
  },
  erp: {
    id: 'erp',
    name: 'ERP',
    description: 'Purchase orders of the whole company',
    environment: 'production',
    sensitivity: 'confidential',
    dataClasses: ['financial'],
    portOffset: 1,
    tools: erpTools,
  },
  tickets: {
    id: 'tickets',
    name: 'Tickets',
    description: 'Support tickets of all products',
    environment: 'staging',
    sensitivity: 'internal',
    dataClasses: ['personal'],
    portOffset: 2,
    tools: ticketsTools,
  },
  deploys: {
    id: 'deploys',
    name: 'Deploys',
    description: 'The deploy log of all services',
    environment: 'production',
    sensitivity: 'internal',
    dataClasses: [],
    portOffset: 3,
    tools: deploysTools,
  },
  'billing-db': {
    id: 'billing-db',
    name: 'Billing database',
    description: 'What customers were billed and what they owe',
    environment: 'production',
    sensitivity: 'restricted',
    dataClasses: ['personal', 'financial'],
    portOffset: 4,
    tools: billingTools,
  },
  crm: {
    id: 'crm',
    name: 'CRM',
    description: 'Customer accounts and the people there',
    environment: 'staging',
    sensitivity: 'confidential',
    dataClasses: ['personal'],
    portOffset: 5,
    tools: crmTools,
  },
} as const satisfies Record<string, DemoServerEntry>

export type DemoServerId = keyof typeof demoServers

/** All of them, by port offset. */
export const demoServerEntries: readonly DemoServerEntry[] = Object.values(demoServers)
