export { formatCount, plural } from '#lib/core/count.ts'
