import { exactTime } from '../ui/time.ts'

/** Until when what a screen shows of the broker's calls is complete. */
export function countedUntilText(until: string | null): string {
  return until === null ? 'No call is counted yet.' : `Calls until ${exactTime(new Date(until))} are counted.`
}
