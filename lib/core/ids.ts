import { randomUUID } from 'node:crypto'

/** Random ids for correlation (requests, tokens); rows get theirs from the database schema. */
export function newRequestId(): string {
  return `req_${randomUUID().replaceAll('-', '')}`
}
